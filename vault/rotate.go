package vault

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"tributary"
)

// Record is a sealed record, wherever it is kept.
type Record struct {
	Name   string // that it was sealed under
	Sealed []byte
	// Put stores it sealed anew, durably. It returns [tributary.ErrConflict] if
	// somebody else changed the record meanwhile.
	Put func(ctx context.Context, sealed []byte) error
}

// Rotation changes a store's vault key. Nobody else may use the store while it
// runs. It may be cut short at any moment: the keys that it had then open
// everything, and a second run completes it.
type Rotation struct {
	Source Source
	AtRest string // the path of the store's sealed at-rest key
	// Records lists every sealed record of the store.
	Records func(ctx context.Context) ([]Record, error)
	// Step, if it is set, is called after each step that is on the disk. Its
	// error stops the rotation there.
	Step func(what string) error
}

// Rotated is what a rotation did.
type Rotated struct {
	KeyID  string // the new key's
	Sealed int    // records that were sealed anew
}

// Run makes the next key and seals everything under it: first the at-rest key
// under both keys, which tells every later start that both are needed; then
// the records; then the at-rest key under the next key alone; then the next
// key takes the place of the key.
func (r Rotation) Run(ctx context.Context) (Rotated, error) {
	var done Rotated
	keys, err := r.Source.Keys(ctx)
	if err != nil {
		return done, err
	}
	// The keys are proved before a next one is made.
	if _, _, err = OpenAtRest(r.AtRest, keys...); err != nil {
		return done, err
	}
	next, err := r.Source.Next(ctx)
	if err != nil {
		return done, err
	}
	done.KeyID = next.ID()
	if err := r.step("the new key " + next.ID() + " is there"); err != nil {
		return done, err
	}
	if byID(keys, next.ID()) == nil {
		keys = append(keys, next)
	}
	v, atRest, err := OpenAtRest(r.AtRest, keys...)
	if err != nil {
		return done, err
	}
	under, err := sealedUnder(r.AtRest)
	if err != nil {
		return done, r.fail(err)
	}
	if !slices.Equal(under, []string{next.ID()}) {
		if err := r.seal(ctx, v, next, atRest, under, &done); err != nil {
			return done, err
		}
	} else if len(keys) == 1 {
		return done, r.fail(errors.New("the next key is the one that the store has already"))
	}
	if err := r.Source.Promote(); err != nil {
		return done, err
	}
	return done, r.step("the new key has taken the old one's place")
}

func (r Rotation) seal(ctx context.Context, v, next *Vault, atRest tributary.Secret, under []string, done *Rotated) error {
	// Nothing has been changed yet: find now what can't be sealed anew.
	records, err := r.Records(ctx)
	if err != nil {
		return r.fail(err)
	}
	for _, record := range records {
		if _, err := v.Open(record.Name, record.Sealed); err != nil {
			return r.fail(err)
		}
	}
	if len(under) == 1 {
		// v seals with the key that the file names.
		if err := writeAtRest(r.AtRest, atRest, v, next); err != nil {
			return r.fail(err)
		}
		if err := r.step("the at-rest key is sealed under both keys"); err != nil {
			return err
		}
	}
	for again := true; again; {
		if again, err = r.sealRecords(ctx, v, next, done); err != nil {
			return err
		}
	}
	if err := writeAtRest(r.AtRest, atRest, next); err != nil {
		return r.fail(err)
	}
	return r.step("the at-rest key is sealed under the new key alone")
}

// sealRecords seals every record under next that isn't, and reports whether
// there was one: then it is to be called again.
func (r Rotation) sealRecords(ctx context.Context, v, next *Vault, done *Rotated) (some bool, err error) {
	records, err := r.Records(ctx)
	if err != nil {
		return false, r.fail(err)
	}
	for _, record := range records {
		id, err := KeyID(record.Sealed)
		if err != nil {
			return false, r.fail(err)
		}
		if id == next.ID() {
			continue
		}
		some = true
		plain, err := v.Open(record.Name, record.Sealed)
		if err != nil {
			return false, r.fail(err)
		}
		sealed, err := next.Seal(record.Name, plain)
		if err != nil {
			return false, r.fail(err)
		}
		switch err := record.Put(ctx, sealed); {
		case errors.Is(err, tributary.ErrConflict):
			continue // it is read again
		case err != nil:
			return false, r.fail(fmt.Errorf("store %s: %w", record.Name, err))
		}
		done.Sealed++
		if err := r.step(record.Name + " is sealed under the new key"); err != nil {
			return false, err
		}
	}
	return some, nil
}

func (r Rotation) step(what string) error {
	if r.Step == nil {
		return nil
	}
	return r.Step(what)
}

func (r Rotation) fail(err error) error {
	if e := tributary.AsError(err); e != nil {
		return err
	}
	return &tributary.Error{
		Code: CodeRotate, Op: "change the vault key", Err: err, Fix: tributary.FixMSSP,
		Next: "mend that and run tributary vault rotate again; meanwhile the keys that are there open everything",
	}
}
