package defender

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// whole splits an answer that is read in the pieces that wrap makes of it.
func whole(body string, max int, wrap func(io.Reader) io.Reader) (elements []string, t tail, err error) {
	var r io.Reader = strings.NewReader(body)
	if wrap != nil {
		r = wrap(r)
	}
	t, err = newSplitter(r, max).split(func(e []byte) error {
		elements = append(elements, string(e))
		return nil
	})
	return elements, t, err
}

func TestSplit(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		body     string
		elements []string
		next     string
		wrong    string // part of the error
	}{
		"odata":           {body: `{"@odata.context":"x","value":[{"id":"a"},{"id":"b"}]}`, elements: []string{`{"id":"a"}`, `{"id":"b"}`}},
		"bare array":      {body: `[{"a":1} , {"b":[{}]}]`, elements: []string{`{"a":1}`, `{"b":[{}]}`}},
		"link before":     {body: `{"@odata.nextLink":"https://x/?a=1\u0026b=2","value":[{}]}`, elements: []string{`{}`}, next: "https://x/?a=1&b=2"},
		"link behind":     {body: `{"value":[{}],"@odata.nextLink":"https:\/\/x/"}`, elements: []string{`{}`}, next: "https://x/"},
		"unknown members": {body: `{"a":{"value":[{"no":1}]},"b":[[],{}],"c":1e5,"d":null,"e":"]}","value":[{"yes":1}],"f":-0.5}`, elements: []string{`{"yes":1}`}},
		"escaped name":    {body: `{"val\u0075e":[{}]}`, elements: []string{`{}`}},
		"byte order mark": {body: "\xef\xbb\xbf{\"value\":[{}]}", elements: []string{`{}`}},
		"blanks":          {body: "\r\n\t { \"value\" : [ \n{ \"a\" : [ ] }\n ] }\n ", elements: []string{`{ "a" : [ ] }`}},
		"no alert":        {body: `{"value":[]}`},
		"null list":       {body: `{"value":null}`},
		"null":            {body: `null`},
		"no list":         {body: `{"x":1}`},
		"odd elements":    {body: `[null,1,"a",[2],-3.5e+7,true]`, elements: []string{`null`, `1`, `"a"`, `[2]`, `-3.5e+7`, `true`}},
		"brackets inside": {body: `[{"a":"}]\"{[","b":{"c":"\\"}}]`, elements: []string{`{"a":"}]\"{[","b":{"c":"\\"}}`}},

		"empty":               {body: " \n", wrong: "empty"},
		"only a mark":         {body: "\xef\xbb\xbf", wrong: "empty"},
		"half a mark":         {body: "\xef\xbb", wrong: "byte 0"},
		"web page":            {body: "<html>", wrong: "byte 0"},
		"number":              {body: "17 ", wrong: "neither"},
		"second list":         {body: `{"value":[{}],"value":[{}]}`, elements: []string{`{}`}, wrong: "second list"},
		"list is an object":   {body: `{"value":{}}`, wrong: "not an array"},
		"link is a number":    {body: `{"@odata.nextLink":7}`, wrong: "not a text"},
		"something follows":   {body: `[{}]{`, elements: []string{`{}`}, wrong: "follows"},
		"comma at the end":    {body: `[{},]`, elements: []string{`{}`}, wrong: "value belongs"},
		"invalid element":     {body: `[{"a":1},{"b":01}]`, elements: []string{`{"a":1}`}, wrong: "byte 15"},
		"control character":   {body: "[{\"a\":\"x\ny\"}]", wrong: "control character"},
		"crossed brackets":    {body: `[{"a":[}]]`, wrong: "value belongs"},
		"bad escape":          {body: `[{"a":"\x"}]`, wrong: "backslash"},
		"bad hex":             {body: `[{"a":"\u12g4"}]`, wrong: "escape"},
		"bad word":            {body: `[nul]`, wrong: "word"},
		"minus alone":         {body: `[-]`, wrong: "minus"},
		"no colon":            {body: `{"value"[]}`, wrong: "colon"},
		"name is a number":    {body: `{1:2}`, wrong: "name"},
		"comma before brace":  {body: `{"a":1,}`, wrong: "name"},
		"cut in an element":   {body: `[{"a":1},{"b`, elements: []string{`{"a":1}`}, wrong: "unexpected EOF"},
		"cut behind elements": {body: `{"value":[{"a":1}]`, elements: []string{`{"a":1}`}, wrong: "unexpected EOF"},
		"cut number":          {body: `[12`, wrong: "unexpected EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for how, wrap := range map[string]func(io.Reader) io.Reader{
				"at once": nil, "byte by byte": iotest.OneByteReader, "end with data": iotest.DataErrReader,
			} {
				got, tl, err := whole(tc.body, 1<<20, wrap)
				if !slices.Equal(got, tc.elements) {
					t.Errorf("%s: elements %q, want %q", how, got, tc.elements)
				}
				if tl.NextLink != tc.next {
					t.Errorf("%s: next link %q, want %q", how, tl.NextLink, tc.next)
				}
				if tc.wrong == "" && err != nil || tc.wrong != "" && (err == nil || !strings.Contains(err.Error(), tc.wrong)) {
					t.Errorf("%s: error %v, want %q", how, err, tc.wrong)
				}
			}
		})
	}
}

func TestSplitKeepsAFaultInTheAnswer(t *testing.T) {
	t.Parallel()
	got, tl, err := whole(`{"value":[{}],"error":{"code":"generalException"}}`, 100, nil)
	if err != nil || len(got) != 1 || string(tl.Fault) != `{"code":"generalException"}` {
		t.Errorf("elements %q, fault %q, error %v", got, tl.Fault, err)
	}
}

// A read error in the middle ends the answer, and is passed on as it is.
func TestSplitPassesOnReadErrors(t *testing.T) {
	t.Parallel()
	broken := errors.New("connection reset")
	body := `{"value":[{"a":1},{"b":2}]}`
	for n := range len(body) {
		r := io.MultiReader(strings.NewReader(body[:n]), iotest.ErrReader(broken))
		count := 0
		_, err := newSplitter(r, 100).split(func([]byte) error { count++; return nil })
		if !errors.Is(err, broken) {
			t.Fatalf("after %d bytes: %v", n, err)
		}
		if want := strings.Count(body[:n], "}"); count != want {
			t.Fatalf("after %d bytes: %d elements, want %d", n, count, want)
		}
	}
}

func TestSplitStopsAtAReceiversError(t *testing.T) {
	t.Parallel()
	full := errors.New("full")
	calls := 0
	_, err := newSplitter(strings.NewReader(`[{},{},{}]`), 100).split(func([]byte) error {
		if calls++; calls == 2 {
			return full
		}
		return nil
	})
	if err != full || calls != 2 {
		t.Errorf("error %v after %d calls", err, calls)
	}
}

// Elements larger than the buffer come whole, and what was handed over stays as
// it is while the reading goes on.
func TestSplitLargeElements(t *testing.T) {
	t.Parallel()
	var want []string
	for _, size := range []int{10, bufferSize - 20, bufferSize, 3*bufferSize + 1, 2 * handOver, 7, handOver, handOver + 1} {
		want = append(want, `{"id":"`+fmt.Sprint(size)+`","blob":"`+strings.Repeat("x", size)+`"}`)
	}
	got, _, err := whole(`{"value":[`+strings.Join(want, ",\n")+`]}`, 4*handOver, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got, want) {
		t.Error("an element came out changed")
	}
}

func TestSplitRefusesAnElementAboveTheLimit(t *testing.T) {
	t.Parallel()
	large := `{"id":"da1_2","blob":"` + strings.Repeat("x", 3*bufferSize) + `"}`
	for name, tc := range map[string]struct {
		body string
		max  int
		size int64
		more bool
	}{
		"whole":          {`[{"id":"s"},` + large + `]`, 1000, int64(len(large)), true},
		"within reach":   {`[{"id":"s"},` + large + `]`, 2 * bufferSize, int64(len(large)), false},
		"cut":            {`[{"id":"s"},` + large[:len(large)-10], 2 * bufferSize, int64(len(large) - 10), true},
		"in one buffer":  {`[{"id":"s"},` + large[:900] + `"}]`, 800, 902, false},
		"just at limit":  {`[{"id":"s"},` + large[:900] + `"}]`, 902, 0, false},
		"one byte above": {`[{"id":"s"},` + large[:900] + `"}]`, 901, 902, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, _, err := whole(tc.body, tc.max, nil)
			if tc.size == 0 {
				if err != nil || len(got) != 2 {
					t.Fatalf("%d elements, error %v", len(got), err)
				}
				return
			}
			var e *tooLargeError
			if !errors.As(err, &e) || len(got) != 1 {
				t.Fatalf("%d elements, error %v", len(got), err)
			}
			if e.More != tc.more || !tc.more && e.Size != tc.size || tc.more && e.Size <= int64(tc.max) {
				t.Errorf("size %d (more: %v), want %d (more: %v)", e.Size, e.More, tc.size, tc.more)
			}
			if !bytes.HasPrefix(e.Element, []byte(`{"id":"da1_2"`)) {
				t.Errorf("the element begins %q", e.Element[:min(20, len(e.Element))])
			}
		})
	}
}

// A cut at any byte yields the elements before it, and never a torn one.
func TestSplitCutAtEveryByte(t *testing.T) {
	t.Parallel()
	body := `{"@odata.context":"c","value":[{"id":"a","n":[1,-2.5e3,true]},{"id":"b","t":"\u00e4\\"} ],"@odata.nextLink":"https://x"} `
	all, _, err := whole(body, 1000, nil)
	if err != nil || len(all) != 2 {
		t.Fatal(all, err)
	}
	end := strings.LastIndex(body, "}") + 1
	for n := range end {
		got, _, err := whole(body[:n], 1000, nil)
		if err == nil {
			t.Fatalf("a cut after %d bytes went unseen", n)
		}
		if !slices.Equal(got, all[:len(got)]) {
			t.Fatalf("a cut after %d bytes gave %q", n, got)
		}
	}
}

// oracle splits with encoding/json.
func oracle(body []byte) (elements []string, next string, ok bool) {
	body = bytes.TrimPrefix(body, []byte("\xef\xbb\xbf"))
	if !json.Valid(body) {
		return nil, "", false
	}
	list := func(raw []byte) bool {
		var parts []json.RawMessage
		if json.Unmarshal(raw, &parts) != nil {
			return false
		}
		for _, p := range parts {
			elements = append(elements, string(p))
		}
		return true
	}
	switch first := bytes.TrimSpace(body)[0]; {
	case first == '[':
		return elements, "", list(body)
	case first == 'n':
		return nil, "", true
	case first != '{':
		return nil, "", false
	}
	d := json.NewDecoder(bytes.NewReader(body))
	if _, err := d.Token(); err != nil {
		return nil, "", false
	}
	for lists := 0; d.More(); {
		name, err := d.Token()
		var value json.RawMessage
		if err != nil || d.Decode(&value) != nil {
			return elements, next, false
		}
		switch name {
		case "value":
			if lists++; lists > 1 || !list(value) {
				return elements, next, false
			}
		case "@odata.nextLink":
			if string(value) != "null" && json.Unmarshal(value, &next) != nil {
				return elements, next, false
			}
		}
	}
	return elements, next, true
}

func checkAgainstOracle(t *testing.T, body []byte, seed uint64) {
	want, next, ok := oracle(body)
	var first []string
	for round, wrap := range []func(io.Reader) io.Reader{nil, iotest.OneByteReader, func(r io.Reader) io.Reader { return &ragged{r, rand.New(rand.NewPCG(seed, 1))} }} {
		got, tl, err := whole(string(body), 1<<20, wrap)
		for _, e := range got {
			if !json.Valid([]byte(e)) {
				t.Fatalf("a torn element: %q", e)
			}
		}
		if round == 0 {
			first = got
		} else if !slices.Equal(got, first) {
			t.Fatalf("pieces of another size gave %q instead of %q", got, first)
		}
		switch {
		case !ok:
			if err == nil {
				t.Fatalf("accepted %q", body)
			}
		case err != nil:
			t.Fatalf("refused %q: %v", body, err)
		case !slices.Equal(got, want):
			t.Fatalf("split into %q, want %q", got, want)
		case string([]rune(tl.NextLink)) != string([]rune(next)):
			t.Fatalf("next link %q, want %q", tl.NextLink, next)
		}
	}
}

// ragged reads in pieces of random size, nothing at all among them.
type ragged struct {
	r   io.Reader
	rnd *rand.Rand
}

func (r *ragged) Read(p []byte) (int, error) {
	return r.r.Read(p[:min(len(p), r.rnd.IntN(9))])
}

func FuzzSplit(f *testing.F) {
	for _, body := range []string{
		`{"value":[{"id":"a"}],"@odata.nextLink":"https://x"}`, `[{"FullId":"a:b","AlertPart":0},{}]`, `{"value":null}`, `null`, ` `,
		`{"a":"\ud83d\ude00\u0000","value":[1,-0,0.1e-7,"",null,false]}`, "\xef\xbb\xbf[]", `{"value":[{}],"value":[]}`, `[{"a":tru}]`, `[1`, `[1.]`, `["` + "\x1f" + `"]`,
	} {
		f.Add([]byte(body), uint64(1))
	}
	f.Fuzz(func(t *testing.T, body []byte, seed uint64) {
		if len(body) > 5_000 {
			t.Skip() // encoding/json counts its depth from the outermost bracket
		}
		if bytes.Count(body, []byte("@odata.nextLink"))+bytes.Count(body, []byte(`\u`)) > 4 {
			t.Skip()
		}
		checkAgainstOracle(t, body, seed)
	})
}

// The samples that encoding/json's own kind of reader must agree on, shaken: the
// members of each object in another order, and one byte changed anywhere.
func TestSplitShaken(t *testing.T) {
	t.Parallel()
	for _, file := range []string{"graph.json", "endpoint.json", "siem.json"} {
		body, err := os.ReadFile("testdata/" + file)
		if err != nil {
			t.Fatal(err)
		}
		checkAgainstOracle(t, body, 7)
		rnd := rand.New(rand.NewPCG(1, 2))
		for range 100 {
			shaken := bytes.Clone(body)
			shaken[rnd.IntN(len(shaken))] = `{}[]",:\ ax0-.e`[rnd.IntN(15)]
			checkAgainstOracle(t, shaken, rnd.Uint64())
		}
	}
}
