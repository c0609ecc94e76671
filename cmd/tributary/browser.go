package main

import (
	"errors"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
)

// openBrowser opens a page in the person's browser: the one that the variable
// BROWSER names, else the desktop's.
func openBrowser(address string) error {
	var errs []error
	for _, command := range browsers(os.Getenv("BROWSER"), runtime.GOOS, address) {
		cmd := exec.Command(command[0], command[1:]...)
		err := cmd.Start()
		if err == nil {
			go func() { _ = cmd.Wait() }() // how the browser ends is nothing to us
			return nil
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// browsers lists the commands to try, as the convention of BROWSER has it: a
// list like PATH, each entry a command with arguments in which %s stands for
// the address; without a %s it comes last.
func browsers(variable, system, address string) [][]string {
	separator := ":"
	if system == "windows" {
		separator = ";"
	}
	var list [][]string
	for _, entry := range strings.Split(variable, separator) {
		words := strings.Fields(entry)
		if system == "windows" {
			// A program alone: paths have blanks there.
			words = []string{strings.TrimSpace(strings.ReplaceAll(entry, "%s", ""))}
		}
		if len(words) == 0 || words[0] == "" {
			continue
		}
		if !slices.ContainsFunc(words, func(w string) bool { return strings.Contains(w, "%s") }) {
			words = append(words, "%s")
		}
		for i := range words {
			words[i] = strings.ReplaceAll(words[i], "%s", address)
		}
		list = append(list, words)
	}
	if len(list) > 0 {
		return list
	}
	switch system {
	case "darwin":
		return [][]string{{"open", address}}
	case "windows":
		return [][]string{{"rundll32", "url.dll,FileProtocolHandler", address}}
	}
	return [][]string{{"xdg-open", address}}
}
