package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"tributary"
	"tributary/siem/setup"
)

// siemSetupFiles makes one tenant's files. With Microsoft it gets an access
// token by the refresh token first: what doesn't work here won't work in a SIEM.
func (i *instance) siemSetupFiles(ctx context.Context, f siemSetup, t tributary.Tenant) ([]setup.File, error) {
	in := setup.Input{Tenant: t, Resource: f.resource, PollInterval: f.interval, Splunk: f.splunk}
	if f.via == viaTributary {
		in.Via, in.App, in.Grant.RefreshToken = f.url, f.pullClient, f.pullClientToken
		return f.make(in)
	}
	cloud, _, err := i.cloud(t)
	if err != nil {
		return nil, err
	}
	in.Cloud = cloud
	if in.App, err = i.app(t); err != nil {
		return nil, err
	}
	if in.Grant, err = i.grant(ctx, t); err != nil {
		return nil, err
	}
	if _, err := f.make(in); err != nil {
		return nil, err // before Microsoft is asked
	}
	resource := in.Resource
	if resource == "" {
		resource = cloud.Resource(tributary.SourceSIEM)
	}
	access, err := i.tokens.Token(ctx, t, resource)
	if err != nil {
		return nil, err
	}
	in.AccessToken = access.Value
	// That may have brought a new refresh token.
	if in.Grant, err = i.grant(ctx, t); err != nil {
		return nil, err
	}
	return f.make(in)
}

// grant is what the customer gave us, empty where that is nothing.
func (i *instance) grant(ctx context.Context, t tributary.Tenant) (tributary.Grant, error) {
	grant, _, err := i.connect.Grants.Grant(ctx, t.Slug)
	if errors.Is(err, tributary.ErrNotFound) {
		return tributary.Grant{}, nil
	}
	return grant, err
}

// credentialsLimit is far more than the three values need.
const credentialsLimit = 64 << 10

// readPullClient reads the credentials that the SIEM will have at Tributary's
// endpoint. They come from a file or stdin, because the arguments of a command
// can be seen by other users of the machine.
func (c *cli) readPullClient(f *siemSetup) error {
	fail := func(err error) error {
		return &tributary.Error{
			Code: "pull-client", Op: "read the pull client's credentials", Err: err, Fix: tributary.FixMSSP,
			Next: `write them as JSON: {"client_id": …, "client_secret": …, "refresh_token": …}`,
		}
	}
	from := c.stdin
	if f.credentials != "-" {
		file, err := os.Open(f.credentials)
		if err != nil {
			return fail(err)
		}
		defer file.Close()
		from = file
	}
	text, err := io.ReadAll(io.LimitReader(from, credentialsLimit))
	if err != nil {
		return fail(err)
	}
	var read struct {
		ClientID     string `json:"client_id"`
		ClientSecret string `json:"client_secret"`
		RefreshToken string `json:"refresh_token"`
	}
	if err := json.NewDecoder(bytes.NewReader(text)).Decode(&read); err != nil {
		return fail(errors.New("it is not a JSON object of these three texts")) // the decoder's words may hold a part of a secret
	}
	for _, v := range [][2]string{{"client_id", read.ClientID}, {"client_secret", read.ClientSecret}, {"refresh_token", read.RefreshToken}} {
		if v[1] == "" {
			return fail(fmt.Errorf("%s is missing", v[0]))
		}
	}
	f.pullClient = tributary.App{ClientID: read.ClientID, ClientSecret: tributary.NewSecret(read.ClientSecret)}
	f.pullClientToken = tributary.NewSecret(read.RefreshToken)
	return nil
}
