package config

import (
	"time"
)

// File writes alerts as lines into files of a folder.
type File struct {
	Common
	Dir      string        // the folder, made where it is missing
	MaxBytes int64         // another file begins rather than let one grow larger
	MaxAge   time.Duration // the time that one file covers, counted in UTC
}

type rawFile struct {
	rawCommon
	Dir      text       `yaml:"dir"`
	MaxBytes amountText `yaml:"max_bytes"`
	MaxAge   amountText `yaml:"max_age"`
}

func (r *rawFile) build(p *parse, common Common) Destination {
	d := File{
		Common:   common,
		MaxBytes: p.size(&r.MaxBytes, DefaultFileMaxBytes, MinFileBytes),
		MaxAge:   p.duration(&r.MaxAge, DefaultFileMaxAge, MinFileAge, MaxFileAge),
	}
	if !r.Dir.set {
		p.report(r.place, "dir is missing", "name the folder for the files, such as dir: ./out")
	} else if r.Dir.ok() {
		d.Dir = p.path(&r.Dir, "")
	}
	return d
}
