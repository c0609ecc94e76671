package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"tributary"
	"tributary/microsoft/entra/directory"
)

func (c *cli) appCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "app",
		Short: "Register the application that customers let in",
	}
	var f appManual
	manual := &cobra.Command{
		Use:   "manual",
		Short: "Print the steps in the Entra admin center, with what to type",
		Long: `Manual prints step 1 of Microsoft's MSSP procedure for a person at the Entra
admin center: what to click and exactly what to type, with the permissions that
the sources need and no others. It signs in nowhere and needs no configuration.

One application of your own serves all customers. With --single-directory it is
registered in the customer's own directory instead, as the procedure has it: one
registered in yours for a single directory can't sign in to a customer's.`,
		Example: `  tributary app manual --sources graph,endpoint
  tributary app manual --sources siem --auth delegated`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return c.appManual(f) },
	}
	flags := manual.Flags()
	flags.StringSliceVar(&f.sources, "sources", []string{string(tributary.SourceGraph)}, "the `APIs` to read: graph, endpoint, siem")
	flags.StringVar(&f.auth, "auth", string(tributary.AuthAppOnly), "how customers let it in: `app-only|delegated`")
	flags.StringVar(&f.cloud, "cloud", "global", "Microsoft's `cloud`: global, gcc, gcc-high or dod")
	flags.StringVar(&f.name, "name", "", "the application's `name`, which customers see (default: your directory's name and SIEM MSSP Connector)")
	flags.StringSliceVar(&f.redirects, "redirect-uri", []string{"http://localhost"}, "the redirect `URIs`")
	flags.BoolVar(&f.single, "single-directory", false, "register it in one customer's own directory")
	cmd.AddCommand(manual)
	return cmd
}

// appManual is what the flags of app manual say.
type appManual struct {
	sources, redirects []string
	auth, cloud, name  string
	single             bool
}

func (c *cli) appManual(f appManual) error {
	const command = "tributary app manual"
	cloud, ok := tributary.Clouds()[f.cloud]
	if !ok {
		return &usageError{command, fmt.Errorf("--cloud %q: use global, gcc, gcc-high or dod", f.cloud)}
	}
	auth := tributary.AuthMethod(f.auth)
	if auth != tributary.AuthAppOnly && auth != tributary.AuthDelegated {
		return &usageError{command, fmt.Errorf("--auth %q: use app-only or delegated", f.auth)}
	}
	r := directory.Registration{
		DisplayName: f.name, MultiTenant: !f.single, RedirectURIs: f.redirects, Auth: auth,
		Secret: true, // a certificate would have to be made first
	}
	for _, name := range f.sources {
		source, err := tributary.ParseSource(name)
		if err != nil {
			return &usageError{command, err}
		}
		r.Sources = append(r.Sources, source)
	}
	steps, err := directory.ManualSteps(cloud, r)
	if err != nil {
		return err
	}
	return c.print(steps, func(w io.Writer) {
		for n, step := range steps {
			_, _ = fmt.Fprintf(w, "%d. %s\n", n+1, step.Title)
			for _, do := range step.Do {
				_, _ = fmt.Fprintf(w, "   %s\n", do)
			}
			for _, v := range step.Values {
				_, _ = fmt.Fprintf(w, "      %s\t%s\n", v.Field, v.Text)
			}
			if step.Note != "" {
				_, _ = fmt.Fprintf(w, "   Note: %s\n", step.Note)
			}
			_, _ = fmt.Fprintln(w)
		}
	})
}
