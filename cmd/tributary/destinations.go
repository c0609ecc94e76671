package main

import (
	"fmt"

	"tributary"
	"tributary/config"
	"tributary/pipeline/deliver"
	"tributary/siem/file"
	"tributary/siem/format"
	"tributary/siem/splunk"
)

// destinations makes every configured destination.
func (c *cli) destinations(i *instance) ([]deliver.Destination, error) {
	var all []deliver.Destination
	for _, d := range i.cfg.Destinations {
		made, err := c.destination(i, d)
		if err != nil {
			return nil, fmt.Errorf("destination %s: %w", d.Base().Name, err)
		}
		all = append(all, made)
	}
	return all, nil
}

func (c *cli) destination(i *instance, d config.Destination) (deliver.Destination, error) {
	base := d.Base()
	write, err := format.ByName(base.Format)
	if err != nil {
		return deliver.Destination{}, err
	}
	made := deliver.Destination{Name: base.Name, Type: typeName(d), Filter: base.Filter, Format: write}
	made.Sender, err = c.sender(i, d)
	return made, err
}

func (c *cli) sender(i *instance, d config.Destination) (tributary.Sender, error) {
	log := i.log.With("destination", d.Base().Name)
	switch d := d.(type) {
	case config.File:
		return file.New(file.Options{Dir: d.Dir, MaxBytes: d.MaxBytes, MaxAge: d.MaxAge, Log: log})
	case config.Stdout:
		return file.Stdout(c.stdout), nil
	case config.Splunk:
		client, err := d.Transport.Client()
		if err != nil {
			return nil, err
		}
		return splunk.New(splunk.Options{
			URL: d.URL, Token: d.Token, Client: client, Format: d.Format,
			Index: d.Index, Source: d.Source, SourceType: d.SourceType, Host: d.Host, Ack: splunk.AckMode(d.Ack), Log: log,
		})
	}
	return nil, fmt.Errorf("unknown type %T", d)
}

func typeName(d config.Destination) string {
	switch d.(type) {
	case config.File:
		return "file"
	case config.Stdout:
		return "stdout"
	case config.Splunk:
		return "splunk"
	}
	return "unknown"
}
