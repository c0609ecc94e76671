package config

import (
	"path/filepath"
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

type rawStore struct {
	spot
	Dir       text       `yaml:"dir"`
	Retention amountText `yaml:"retention"`
	MaxBytes  amountText `yaml:"max_bytes"`
	KeyFile   text       `yaml:"key_file"`
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
	// What was seen is known from what the store keeps: a poll that looks back
	// further would take old alerts for new ones.
	if least := collect.Overlap + time.Minute; s.Retention < least && r.Retention.ok() {
		p.report(r.Retention.place, r.Retention.shown()+" is shorter than what a poll looks back", "use more than collect.overlap, which is "+formatDuration(collect.Overlap))
	}
	return s
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
