package config_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"tributary/config"
)

func TestParseDuration(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{
		"0": 0, "0s": 0, "90s": 90 * time.Second, "1h30m": 90 * time.Minute, "7d": 168 * time.Hour,
		"24h": 24 * time.Hour, "500ms": time.Second / 2, "1d12h": 36 * time.Hour, "5m1ms": 5*time.Minute + time.Millisecond,
	} {
		if got, err := config.ParseDuration(text); err != nil || got != want {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "60", "-1s", "1.5h", "1 h", "1w", "h", "1hh", "s1", "106752d", "999999999d", "1H", "０s"} {
		if got, err := config.ParseDuration(text); err == nil {
			t.Errorf("%q gives %v", text, got)
		}
	}
}

func TestParseSize(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int64{
		"0": 0, "1": 1, "1048576": 1 << 20, "10GiB": 10 << 30, "500MB": 500e6, "64 KiB": 64 << 10, "1tb": 1e12, "7B": 7,
		"9223372036854775807": 1<<63 - 1,
	} {
		if got, err := config.ParseSize(text); err != nil || got != want {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "GiB", "10G", "1.5GiB", "-1", "10 GB x", "9223372036854775808", "18446744073709551616", "8388608TiB", "0x10"} {
		if got, err := config.ParseSize(text); err == nil {
			t.Errorf("%q gives %v", text, got)
		}
	}
}

// TestAmountsRoundTrip writes amounts as the errors do, and reads them again.
func TestAmountsRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		d := time.Duration(rapid.Int64Range(0, int64(3650*24*time.Hour)).Draw(t, "d")).Truncate(time.Millisecond)
		if got, err := config.ParseDuration(config.FormatDuration(d)); err != nil || got != d {
			t.Fatalf("%v as %s gives %v, %v", d, config.FormatDuration(d), got, err)
		}
		n := rapid.Int64Min(0).Draw(t, "n")
		if got, err := config.ParseSize(config.FormatSize(n)); err != nil || got != n {
			t.Fatalf("%d as %s gives %d, %v", n, config.FormatSize(n), got, err)
		}
	})
}
