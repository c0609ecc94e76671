package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"tributary/config"
	"tributary/vault"
)

func (c *cli) initCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "init",
		Short: "Write a first tributary.yaml, its schema and a key",
		Long: `Init writes a commented configuration file to begin with, the JSON Schema by
which editors check it, and the key that seals every secret and encrypts the
store. It never overwrites anything.

Keep a copy of the key in a safe place: without it, the store can't be read.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return c.init(cmd.Context()) },
	}
}

func (c *cli) init(ctx context.Context) error {
	if err := os.MkdirAll(filepath.Dir(c.configPath), 0o750); err != nil {
		return fmt.Errorf("make the folder of the configuration: %w", err)
	}
	made, err := c.writeNew(c.configPath, config.Example(), 0o640)
	if err != nil {
		return err
	}
	if _, err := c.writeNew(filepath.Join(filepath.Dir(c.configPath), config.SchemaName), config.Schema(), 0o644); err != nil {
		return err
	}
	cfg, err := config.LoadWithoutSecrets(c.configPath)
	if err != nil {
		return err
	}
	if err := c.initKey(ctx, cfg); err != nil {
		return err
	}
	flag := ""
	if c.configPath != defaultConfig {
		flag = " --config " + c.configPath
	}
	if made {
		c.say("next: register an application in Entra, take the # away before app: in %s and fill it in;\n"+
			"      then: tributary config check%s", c.configPath, flag)
	} else {
		c.say("next: tributary config check%s", flag)
	}
	return nil
}

// initKey makes the key of a store that has none yet. A store in use that has
// lost its key gets no new one: it would only hide what has to be done.
func (c *cli) initKey(ctx context.Context, cfg *config.Config) error {
	if name := cfg.Store.KeyEnv; name != "" {
		c.say("the key is in the variable %s; tributary vault new-key prints one to set it to", name)
		return nil
	}
	if vault.Exists(cfg.Store.KeyFile) {
		c.say("%s is there already and stays as it is", cfg.Store.KeyFile)
		return nil
	}
	return ensureKey(ctx, cfg, func(file string) { c.say("wrote %s: keep a copy in a safe place", file) })
}

// writeNew writes a file, unless there is one already.
func (c *cli) writeNew(path string, text []byte, mode fs.FileMode) (made bool, err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if errors.Is(err, fs.ErrExist) {
		c.say("%s is there already and stays as it is", path)
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if _, err = f.Write(text); err == nil {
		c.say("wrote %s", path)
	}
	return true, errors.Join(err, f.Close())
}
