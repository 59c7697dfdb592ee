package schemas

import (
	"fmt"
	"reflect"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Any value that fits a schema comes back as it was written.
func TestRoundTripOfAnything(t *testing.T) {
	// Goal: the codec has no value it treats differently from the examples. Method: draw values of every record from
	// its schema, whatever its fields allow, encode, decode, compare; then decode again the long way, through goavro.
	for _, s := range subjects() {
		n, typ := mustParse(t, s.schema), reflect.TypeOf(s.example)
		long, err := newWriter(s.schema, n, typ)
		if err != nil {
			t.Fatal(err)
		}
		long.direct = nil
		t.Run(s.name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				v := reflect.New(typ)
				draw(t, n, v.Elem())
				encoded, err := s.encodeAny(v.Interface())
				if err != nil {
					t.Fatal(err)
				}
				got, err := s.decode(encoded)
				if err != nil {
					t.Fatal(err)
				}
				if !reflect.DeepEqual(got, v.Elem().Interface()) {
					t.Fatalf("came back as\n%+v\nwant\n%+v", got, v.Elem().Interface())
				}
				again := reflect.New(typ).Elem()
				if err := long.read(encoded[10:], again); err != nil || !reflect.DeepEqual(got, again.Interface()) {
					t.Fatalf("goavro reads\n%+v (%v)\nwant\n%+v", again.Interface(), err, got)
				}
			})
		})
	}
}

// draw sets v to any value of the schema; empty slices and maps are nil, as Decode gives them.
func draw(t *rapid.T, n *node, v reflect.Value) {
	if typ, ok := n.nullBranch(); ok {
		if rapid.Bool().Draw(t, "null") {
			return
		}
		if v.Kind() == reflect.Pointer {
			v.Set(reflect.New(v.Type().Elem()))
			v = v.Elem()
		}
		n = typ
	}
	switch n.kind {
	case kindBoolean:
		v.SetBool(rapid.Bool().Draw(t, "boolean"))
	case kindInt:
		v.SetInt(int64(rapid.Int32().Draw(t, "int")))
	case kindLong:
		drawLong(t, n, v)
	case kindDouble:
		v.SetFloat(rapid.Float64().Draw(t, "double"))
	case kindBytes:
		if b := rapid.SliceOf(rapid.Byte()).Draw(t, "bytes"); len(b) > 0 {
			v.SetBytes(b)
		}
	case kindString:
		v.SetString(rapid.String().Draw(t, "string"))
	case kindEnum:
		v.SetString(rapid.SampledFrom(n.symbols).Draw(t, "symbol"))
	case kindRecord:
		fields := goFields(v.Type())
		for _, f := range n.fields {
			draw(t, f.node, v.FieldByIndex(fields[f.name].index))
		}
	case kindArray:
		if count := rapid.IntRange(0, 3).Draw(t, "items"); count > 0 {
			v.Set(reflect.MakeSlice(v.Type(), count, count))
			for i := range count {
				draw(t, n.item, v.Index(i))
			}
		}
	case kindMap:
		if m := rapid.MapOf(rapid.String(), rapid.String()).Draw(t, "map"); len(m) > 0 {
			v.Set(reflect.ValueOf(m))
		}
	case kindUnion:
		b := rapid.SampledFrom(n.branches).Draw(t, "branch")
		content := reflect.New(contentTypes[shortName(b.name)]).Elem()
		draw(t, b, content)
		v.Set(content)
	}
}

func drawLong(t *rapid.T, n *node, v reflect.Value) {
	switch {
	case v.Type() != timeType:
		v.SetInt(rapid.Int64().Draw(t, "long"))
	case n.logical == timestampMillis:
		v.Set(reflect.ValueOf(time.UnixMilli(rapid.Int64Range(0, maxMillis).Draw(t, "millis")).UTC()))
	default:
		v.Set(reflect.ValueOf(time.UnixMicro(rapid.Int64Range(0, maxMicros).Draw(t, "micros")).UTC()))
	}
}

// A codec serves many goroutines at once.
func TestConcurrentUse(t *testing.T) {
	// Goal: a codec keeps nothing that records could share. Method: goroutines encode and decode records of their own,
	// of all branches, and each finds its own back; the race detector watches.
	contents := exampleContents()
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 50 {
				want := exampleRequest(contents[(g+i)%len(contents)])
				want.TenantID = fmt.Sprintf("tenant-%d", g)
				encoded, err := MessageRequests.Encode(&want)
				if err != nil {
					t.Error(err)
					return
				}
				if got, err := MessageRequests.Decode(encoded); err != nil || !reflect.DeepEqual(got, want) {
					t.Errorf("goroutine %d got another record: %v", g, err)
					return
				}
			}
		})
	}
	wg.Wait()
}
