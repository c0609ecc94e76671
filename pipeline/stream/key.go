package stream

import (
	"crypto/hmac"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// ProveKey reports [ErrWrongKey] if the store in a folder was made with another
// at-rest key. It changes nothing. It serves a process that joins the instance
// which has the store open: [Connect] needs no key, but what is sealed with
// another one is lost to that instance. A folder without a store has no key yet.
func ProveKey(dir string, atRest []byte) error {
	text, err := os.ReadFile(filepath.Join(dir, markerFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var m marker
	if err == nil {
		err = json.Unmarshal(text, &m)
	}
	if err != nil {
		return fmt.Errorf("prove the key of the store %s: %w", dir, err)
	}
	if !hmac.Equal([]byte(m.KeyProof), []byte(keyProof(atRest))) {
		return fmt.Errorf("prove the key of the store %s: %w", dir, ErrWrongKey)
	}
	return nil
}
