package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"tributary"
	"tributary/config"
	"tributary/pipeline/stream"
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
		RunE: func(*cobra.Command, []string) error { return c.init() },
	}
}

func (c *cli) init() error {
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
	if err := c.initKey(cfg); err != nil {
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
func (c *cli) initKey(cfg *config.Config) error {
	_, err := os.Stat(cfg.Store.KeyFile)
	if errors.Is(err, fs.ErrNotExist) && stream.Used(cfg.Store.Dir) {
		return keyLost(cfg)
	}
	err = makeKey(cfg.Store.KeyFile)
	if e := tributary.AsError(err); e != nil && e.Code == vault.CodeKeyExists {
		c.say("%s is there already and stays as it is", cfg.Store.KeyFile)
		return nil
	}
	if err == nil {
		c.say("wrote %s: keep a copy in a safe place", cfg.Store.KeyFile)
	}
	return err
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
