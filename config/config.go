package config

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"tributary"
)

// Config is the file after all checks, with the defaults filled in.
type Config struct {
	Path string // the file; empty where there is none
	// Clouds and Apps by the name that a tenant uses; "" is the default one.
	// Microsoft's own clouds are there without being listed: ask [Config.Cloud].
	Clouds       map[string]Cloud
	Apps         map[string]App
	Tenants      []tributary.Tenant // those that the file manages
	Collect      Collect
	Store        Store
	Listen       string // host:port of the console and the API; a loopback address
	Public       Public // the listener for customers' browsers; zero: none
	Destinations []Destination
	Warnings     []Problem // what works but should not stay so

	partial bool // read without its secrets
}

// App is an application registration, as the configuration names it.
type App = tributary.App

// Collect says how feeds are polled.
type Collect struct {
	Interval time.Duration // between two polls of a feed
	Overlap  time.Duration // how far behind its watermark a poll looks again
	Backfill time.Duration // how far back a new feed begins
	Lateness time.Duration // how far behind Microsoft's clock a watermark stays
}

// Store says where and how much is kept.
type Store struct {
	Dir       string // folder of the durable stream
	Retention time.Duration
	MaxBytes  int64
	// KeyFile has the key that seals every secret; empty with KeyEnv.
	KeyFile string
	// KeyEnv is the variable of the environment that has the key instead.
	KeyEnv string
	// KeyService is the URL of the service that sealed the key in KeyFile;
	// empty: it lies there in the clear.
	KeyService string
}

var microsoftClouds = tributary.Clouds()

// Cloud returns the cloud that a tenant names: "" is the default one, then
// those of the file, then Microsoft's own.
func (c *Config) Cloud(name string) (Cloud, error) {
	if cloud, ok := c.Clouds[name]; ok {
		return cloud, nil
	}
	if cloud, ok := microsoftClouds[name]; ok {
		return Cloud{Cloud: cloud}, nil
	}
	return Cloud{}, &tributary.Error{
		Code: CodeInvalid, Op: "look up the cloud", Err: fmt.Errorf("no cloud has the name %q", name),
		Fix: tributary.FixMSSP, Next: choose(name, cloudNames(c.Clouds)),
	}
}

// App returns the application that a tenant names: "" is the default one.
func (c *Config) App(name string) (App, error) {
	if app, ok := c.Apps[name]; ok {
		return app, nil
	}
	err := &tributary.Error{Code: CodeInvalid, Op: "look up the application", Fix: tributary.FixMSSP}
	if name == "" {
		err.Err = fmt.Errorf("the configuration has no app")
		err.Next = addApp
	} else {
		err.Err = fmt.Errorf("no application has the name %q", name)
		err.Next = "add it under apps"
		if names := appNames(c.Apps); len(names) > 0 {
			err.Next = choose(name, names)
		}
	}
	return App{}, err
}

const addApp = "add app: { client_id: …, client_secret: … } with the values of your registration in the Entra admin center"

// CheckTenant reports the first thing that keeps a tenant from working with
// this configuration: a tenant that a command adds has to pass it, and those
// of the file have.
func (c *Config) CheckTenant(t tributary.Tenant) error {
	if err := t.Check(); err != nil {
		return &tributary.Error{Code: CodeInvalid, Op: "check the tenant", Err: err, Fix: tributary.FixMSSP}
	}
	cloud, err := c.Cloud(t.Cloud)
	if err != nil {
		return err
	}
	for _, need := range needs(t.Sources) {
		if cloud.host(need.key) == "" {
			return &tributary.Error{
				Code: CodeInvalid, Op: "check the tenant", Tenant: t.Slug,
				Err: fmt.Errorf("its cloud has no %s host", need.key), Fix: tributary.FixMSSP, Next: addHost(need.key),
			}
		}
	}
	app, err := c.App(t.App)
	if err != nil {
		return err
	}
	if t.Auth == tributary.AuthAppOnly && !c.partial && !hasCredential(app) {
		return &tributary.Error{
			Code: CodeInvalid, Op: "check the tenant", Tenant: t.Slug,
			Err: fmt.Errorf("its application has no credential, which auth %s needs", t.Auth), Fix: tributary.FixMSSP, Next: addCredential,
		}
	}
	return nil
}

func hasCredential(app App) bool {
	return !app.ClientSecret.IsZero() || !app.Certificate.IsZero()
}

const addCredential = "add client_secret or certificate_file to the app, or use auth delegated"

func appNames(apps map[string]App) []string {
	return slices.DeleteFunc(sortedKeys(apps), func(name string) bool { return name == "" })
}

// cloudNames lists what a tenant may name: the file's clouds and Microsoft's.
func cloudNames(clouds map[string]Cloud) []string {
	names := sortedKeys(microsoftClouds)
	for _, name := range sortedKeys(clouds) {
		if name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// need is a host that a tenant can't do without.
type need struct {
	key    string // of the cloud
	source int    // index of the source that needs it; -1 for all
}

func needs(sources []tributary.Source) []need {
	list := []need{{"login", -1}}
	for i, s := range sources {
		key := string(s)
		if s == tributary.SourceGraphIncidents {
			key = "graph"
		}
		list = append(list, need{key, i})
	}
	return list
}

func addHost(key string) string {
	global := Cloud{Cloud: microsoftClouds[DefaultCloud]}
	return fmt.Sprintf("add %s to the cloud; Microsoft's own is %s", key, strings.ReplaceAll(global.host(key), "{region}", "eu"))
}
