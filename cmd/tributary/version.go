package main

import (
	"io"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// version is set when a release is built: -ldflags "-X main.version=v1.2.3".
var version = ""

// build is what this binary is.
type build struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func thisBuild() build {
	b := build{Version: version, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				b.Revision = s.Value
			}
		}
	}
	if b.Version == "" {
		b.Version = "development"
	}
	return b
}

// userAgent is how Microsoft asks partners to name themselves
// (get-started-partner-integration).
func userAgent() string { return "MdePartner-Tributary-Tributary/" + thisBuild().Version }

func (c *cli) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print what this binary is",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			b := thisBuild()
			return c.print(b, func(w io.Writer) {
				row(w, "tributary", b.Version)
				row(w, "go", b.Go)
				row(w, "platform", b.Platform)
				if b.Revision != "" {
					row(w, "revision", b.Revision)
				}
			})
		},
	}
}
