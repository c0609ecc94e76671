package config

import (
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

type rawCollect struct {
	spot
	Interval amountText `yaml:"interval"`
	Overlap  amountText `yaml:"overlap"`
	Backfill amountText `yaml:"backfill"`
	Lateness amountText `yaml:"lateness"`
}

func (p *parse) collect(r *rawCollect) Collect {
	return Collect{
		Interval: p.duration(&r.Interval, DefaultInterval, MinInterval, MaxInterval),
		Overlap:  p.duration(&r.Overlap, DefaultOverlap, 0, MaxOverlap),
		Backfill: p.duration(&r.Backfill, DefaultBackfill, 0, MaxBackfill),
		Lateness: p.duration(&r.Lateness, DefaultLateness, 0, MaxLateness),
	}
}

// KeyServices are the schemes that store.key_service may begin with.
var KeyServices = []string{"hashivault"}

type rawStore struct {
	spot
	Dir       text       `yaml:"dir"`
	Retention amountText `yaml:"retention"`
	MaxBytes  amountText `yaml:"max_bytes"`
	KeyFile   text       `yaml:"key_file"`
	KeyEnv    text       `yaml:"key_env"`
	Service   text       `yaml:"key_service"`
}

func (p *parse) store(r *rawStore, collect Collect) Store {
	s := Store{
		Dir:       p.path(&r.Dir, DefaultStoreDir),
		Retention: p.duration(&r.Retention, DefaultRetention, MinRetention, MaxRetention),
		MaxBytes:  p.size(&r.MaxBytes, DefaultMaxBytes, MinMaxBytes),
	}
	s.KeyFile = filepath.Join(s.Dir, DefaultKeyFile)
	if r.KeyFile.ok() {
		s.KeyFile = p.path(&r.KeyFile, "")
	}
	if r.KeyEnv.ok() {
		s.KeyEnv, s.KeyFile = p.keyEnv(r), ""
	}
	if r.Service.ok() {
		s.KeyService = p.keyService(&r.Service)
	}
	// What was seen is known from what the store keeps: a poll that looks back
	// further would take old alerts for new ones.
	if least := collect.Overlap + time.Minute; s.Retention < least && r.Retention.ok() {
		p.report(r.Retention.place, r.Retention.shown()+" is shorter than what a poll looks back", "use more than collect.overlap, which is "+formatDuration(collect.Overlap))
	}
	return s
}

var variable = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// keyEnv is the name of the variable that has the key: nothing else can then
// say where it is.
func (p *parse) keyEnv(r *rawStore) string {
	for _, other := range []*text{&r.KeyFile, &r.Service} {
		if other.set {
			p.report(other.place, "stands beside key_env", "keep one of them: a key from the environment is neither in a file nor sealed by a service")
		}
	}
	if !variable.MatchString(r.KeyEnv.value) {
		p.report(r.KeyEnv.place, r.KeyEnv.shown()+" is not the name of a variable", "write the name alone, such as TRIBUTARY_KEY, and the key into the variable")
		return ""
	}
	return r.KeyEnv.value
}

// keyService is the address of the service that seals the key.
func (p *parse) keyService(t *text) string {
	for _, scheme := range KeyServices {
		if key, ok := strings.CutPrefix(t.value, scheme+"://"); ok && key != "" {
			return t.value
		}
	}
	p.report(t.place, t.shown()+" is not the address of a key service that we know", "write hashivault:// and the name of the transit key")
	return ""
}

// path checks the name of a file or folder that need not exist yet.
func (p *parse) path(t *text, def string) string {
	if !t.ok() {
		return p.resolvePath(def)
	}
	if t.value == "" {
		p.report(t.place, "is empty", "write a path, or remove the key")
		return ""
	}
	return p.resolvePath(t.value)
}
