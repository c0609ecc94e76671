// Package node holds the simulated Entra against Microsoft's own clients for
// Node, which nobody here wrote. It needs node and npm.
package node
