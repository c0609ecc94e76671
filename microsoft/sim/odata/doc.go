// Package odata reads the part of OData that Microsoft's APIs take: the
// $filter language of comparisons joined by and, or, not and parentheses.
package odata
