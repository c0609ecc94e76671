package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"tributary"
)

// maxRead bounds a file that the configuration names: secrets, certificates.
const maxRead = 1 << 20

// Load reads the configuration from a file, with the process's environment.
// The error is a [tributary.Error] that holds [Problems] where the file could
// be read but not used.
func Load(path string) (*Config, error) {
	return load(path, true)
}

// LoadWithoutSecrets is Load for a command that only talks to the running
// instance or shows what is configured: secrets and the private keys of
// applications stay empty, and what they refer to need not exist here.
func LoadWithoutSecrets(path string) (*Config, error) {
	return load(path, false)
}

func load(path string, secrets bool) (*Config, error) {
	data, err := readBounded(path, maxFile+1)
	if err != nil {
		next := "check the path and who may read the file"
		if errors.Is(err, os.ErrNotExist) {
			next = "write one with: tributary init"
		}
		return nil, &tributary.Error{Code: CodeInvalid, Op: "read the configuration", Err: err, Fix: tributary.FixMSSP, Next: next}
	}
	return read(path, data, os.LookupEnv, readFile, secrets)
}

func readFile(path string) ([]byte, error) {
	data, err := readBounded(path, maxRead+1)
	if err == nil && len(data) > maxRead {
		return nil, fmt.Errorf("larger than %d bytes", maxRead)
	}
	return data, err
}

func readBounded(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, limit))
}

// Parse reads the configuration from data. Name is the file's path: errors
// show it, and paths inside are relative to its folder. Env and readFile
// answer ${env:NAME} and ${file:path}; readFile also reads certificates.
func Parse(name string, data []byte, env func(string) (string, bool), readFile func(string) ([]byte, error)) (*Config, error) {
	return read(name, data, env, readFile, true)
}

func read(name string, data []byte, env func(string) (string, bool), readFile func(string) ([]byte, error), secrets bool) (*Config, error) {
	p := &parse{
		file: name, dir: filepath.Dir(name), env: env, readFile: readFile, secrets: secrets,
		anchors: map[string][]*ast.AnchorNode{}, said: map[string]bool{},
	}
	c := p.config(data)
	if len(p.problems) > 0 {
		sortProblems(p.problems)
		next := "correct them, then try: tributary config check"
		if len(p.problems) == 1 {
			next = "correct it, then try: tributary config check"
		}
		return nil, &tributary.Error{Code: CodeInvalid, Op: "read the configuration", Err: p.problems, Fix: tributary.FixMSSP, Next: next}
	}
	sortProblems(p.warnings)
	c.Warnings = p.warnings
	return c, nil
}

// parse is one reading of one file.
type parse struct {
	file, dir string
	env       func(string) (string, bool)
	readFile  func(string) ([]byte, error)
	secrets   bool // whether secrets are wanted
	anchors   map[string][]*ast.AnchorNode
	said      map[string]bool
	problems  Problems
	warnings  []Problem
}

// maxProblems is more than anybody reads before trying again.
const maxProblems = 100

func (p *parse) report(at place, what, next string) {
	one := p.problem(at, what, next)
	// A destination is read twice, once for its type alone.
	if len(p.problems) < maxProblems && !slices.Contains(p.problems, one) {
		p.problems = append(p.problems, one)
	}
}

func (p *parse) warn(at place, what, next string) {
	p.warnings = append(p.warnings, p.problem(at, what, next))
}

func (p *parse) problem(at place, what, next string) Problem {
	return Problem{File: p.file, Line: at.line, Column: at.column, Key: at.path, Text: what, Next: next}
}

// first reports whether this is the first time: what is wrong with all tenants
// is said once.
func (p *parse) first(what string) bool {
	before := p.said[what]
	p.said[what] = true
	return !before
}

// reportedUnder reports whether something at this key or below is wrong.
func (p *parse) reportedUnder(key string) bool {
	return slices.ContainsFunc(p.problems, func(one Problem) bool {
		return one.Key == key || strings.HasPrefix(one.Key, key+"[")
	})
}

// resolvePath makes a path of the file relative to the file's folder.
func (p *parse) resolvePath(path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(p.dir, path)
}

// config reads the whole file, and checks the parts in an order in which each
// can rely on those before.
func (p *parse) config(data []byte) *Config {
	c := Default()
	c.Path, c.partial = p.file, !p.secrets
	var raw rawConfig
	body, ok := p.document(data)
	if !ok {
		return c
	}
	if body != nil {
		p.decodeInto(body, place{}, &raw)
	}
	p.clouds(c, &raw)
	p.apps(c, &raw)
	c.Collect = p.collect(&raw.Collect)
	c.Store = p.store(&raw.Store, c.Collect)
	c.Listen = p.listen(&raw.Listen)
	c.Public = p.public(&raw.Public)
	p.tenants(c, &raw)
	p.destinations(c, &raw)
	return c
}

// rawConfig is the file's shape. Types whose name begins with raw hold what
// stands in the file, by the keys in their yaml tags.
type rawConfig struct {
	spot
	Cloud        rawCloud         `yaml:"cloud"`
	Clouds       named[rawCloud]  `yaml:"clouds"`
	App          rawApp           `yaml:"app"`
	Apps         named[rawApp]    `yaml:"apps"`
	Tenants      []rawTenant      `yaml:"tenants"`
	Collect      rawCollect       `yaml:"collect"`
	Store        rawStore         `yaml:"store"`
	Listen       text             `yaml:"listen"`
	Public       rawPublic        `yaml:"public"`
	Destinations []rawDestination `yaml:"destinations"`
}
