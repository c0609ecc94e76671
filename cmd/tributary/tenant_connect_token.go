package main

import (
	"context"
	"errors"
	"fmt"

	"tributary"
)

// checkRefreshToken refuses a refresh token among the arguments, where every
// user of the machine can see it. It isn't repeated.
func (how connecting) checkRefreshToken() error {
	switch {
	case how.refreshToken == "":
		return nil
	case how.refreshToken != "-":
		return &usageError{"tributary tenant connect", errors.New("a refresh token on the command line can be seen by others: write --refresh-token - and give it on stdin")}
	case how.deviceCode || how.paste:
		return &usageError{"tributary tenant connect", errors.New("--refresh-token takes the place of a sign-in: leave --device-code and --paste out")}
	}
	return nil
}

// adopt takes over the refresh token on stdin, and says for the audit whose it
// is.
func (c *cli) adopt(ctx context.Context, i *instance, t tributary.Tenant, how connecting) (detail string, err error) {
	text, err := c.readSecret(ctx, "refresh token: ")
	if err != nil {
		return "", fmt.Errorf("read the refresh token from stdin: %w", err)
	}
	grant, err := i.connect.Adopt(ctx, t, tributary.NewSecret(text), how.v1)
	if err != nil {
		return "", err
	}
	who := grant.Account
	if who == "" {
		who = "somebody whom the token does not name"
	}
	c.say("the refresh token of %s works; it is sealed in the store", who)
	return "refresh token of " + who + " taken over", nil
}
