// Tributary fetches the security alerts of every customer tenant of a managed
// security service provider and delivers them to the provider's SIEM.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"tributary"
)

// Exit codes, documented in docs/commands.md.
const (
	exitOK       = 0
	exitFailed   = 1 // what was asked could not be done
	exitUsage    = 2 // the command line can't be understood
	exitNotRight = 3 // it was done, and what was checked is not right
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run is the whole program but for the process around it.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the process at once
	c := &cli{stdin: stdin, stdout: stdout, stderr: stderr}
	root := c.command()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	var usage *usageError
	switch {
	case errors.Is(err, errNotRight):
		return exitNotRight
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		c.say("tributary: stopped before it was done")
		return exitFailed
	case errors.As(err, &usage):
		c.complain(err)
		_, _ = fmt.Fprintf(stderr, "hint: %s --help\n", usage.command)
		return exitUsage
	}
	c.complain(err)
	return exitFailed
}

// errNotRight ends a command that has already said what is not right.
var errNotRight = errors.New("not right")

// usageError is a command line that can't be understood.
type usageError struct {
	command string
	err     error
}

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

// complain says on stderr what failed and, on lines of their own, who can
// mend it and what to do next.
func (c *cli) complain(err error) {
	_, _ = fmt.Fprintf(c.stderr, "tributary: %v\n", err)
	if e := tributary.AsError(err); e != nil {
		if e.Fix != "" && e.Fix != tributary.FixRetry {
			_, _ = fmt.Fprintf(c.stderr, "who can mend it: %s\n", e.Fix)
		}
		if e.Next != "" {
			_, _ = fmt.Fprintf(c.stderr, "next: %s\n", ofCommand(e.Next))
		}
	}
}
