package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/whatsapplink/cloud/schemas"
)

// JSON as people write it: the fields of the Avro record under their Avro names, absent means null or the default, and
// the content union as an object with one key, the branch in lower case: {"text": {"body": "hello"}}.

// branches are the content union's by key.
var branches = map[string]reflect.Type{
	"text": reflect.TypeFor[schemas.Text](), "media": reflect.TypeFor[schemas.Media](), "location": reflect.TypeFor[schemas.Location](),
	"contacts": reflect.TypeFor[schemas.Contacts](), "reaction": reflect.TypeFor[schemas.Reaction](),
	"template": reflect.TypeFor[schemas.Template](), "interactive": reflect.TypeFor[schemas.Interactive](), "raw": reflect.TypeFor[schemas.Raw](),
}

var (
	contentType = reflect.TypeFor[schemas.Content]()
	timeType    = reflect.TypeFor[time.Time]()
)

// parseRequest reads one JSON line. Errors name the field, never its value.
func parseRequest(line []byte) (schemas.MessageRequest, error) {
	var r schemas.MessageRequest
	decoder := json.NewDecoder(bytes.NewReader(line))
	decoder.UseNumber()
	var object map[string]any
	if err := decoder.Decode(&object); err != nil || object == nil {
		return r, errors.New("is no JSON object")
	}
	if _, err := decoder.Token(); err != io.EOF {
		return r, errors.New("has more than one JSON object")
	}
	err := fill(reflect.ValueOf(&r).Elem(), object, "")
	return r, err
}

// fill sets v from a JSON value.
func fill(v reflect.Value, raw any, path string) error {
	bad := func(want string) error { return fmt.Errorf("%s is no %s", strings.TrimPrefix(path, "."), want) }
	switch {
	case raw == nil:
		return nil
	case v.Type() == contentType:
		return fillContent(v, raw, path)
	case v.Type() == timeType:
		return fillTime(v, raw, bad)
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		return fill(v.Elem(), raw, path)
	case reflect.String:
		s, ok := raw.(string)
		if !ok {
			return bad("string")
		}
		v.SetString(s)
	case reflect.Bool:
		b, ok := raw.(bool)
		if !ok {
			return bad("boolean")
		}
		v.SetBool(b)
	case reflect.Int32, reflect.Int64, reflect.Float64:
		return fillNumber(v, raw, bad)
	case reflect.Slice:
		return fillSlice(v, raw, path, bad)
	case reflect.Map:
		return fillMap(v, raw, path, bad)
	case reflect.Struct:
		return fillStruct(v, raw, path, bad)
	default:
		return bad("value of this kind")
	}
	return nil
}

func fillNumber(v reflect.Value, raw any, bad func(string) error) error {
	n, ok := raw.(json.Number)
	if !ok {
		return bad("number")
	}
	f, err := n.Float64()
	if err != nil {
		return bad("number")
	}
	if v.Kind() == reflect.Float64 {
		v.SetFloat(f)
		return nil
	}
	i, err := n.Int64()
	if err != nil || v.OverflowInt(i) {
		return bad("whole number")
	}
	v.SetInt(i)
	return nil
}

// fillTime takes RFC 3339 or Unix milliseconds.
func fillTime(v reflect.Value, raw any, bad func(string) error) error {
	var t time.Time
	switch x := raw.(type) {
	case string:
		var err error
		if t, err = time.Parse(time.RFC3339Nano, x); err != nil {
			return bad("time: RFC 3339 or Unix milliseconds")
		}
	case json.Number:
		ms, err := x.Int64()
		if err != nil || ms < 0 || ms > math.MaxInt64/1000 {
			return bad("time: RFC 3339 or Unix milliseconds")
		}
		t = time.UnixMilli(ms)
	default:
		return bad("time: RFC 3339 or Unix milliseconds")
	}
	v.Set(reflect.ValueOf(t.UTC()))
	return nil
}

func fillSlice(v reflect.Value, raw any, path string, bad func(string) error) error {
	items, ok := raw.([]any)
	if !ok {
		return bad("array")
	}
	v.Set(reflect.MakeSlice(v.Type(), len(items), len(items)))
	for i, item := range items {
		if err := fill(v.Index(i), item, fmt.Sprintf("%s[%d]", path, i)); err != nil {
			return err
		}
	}
	return nil
}

func fillMap(v reflect.Value, raw any, path string, bad func(string) error) error {
	object, ok := raw.(map[string]any)
	if !ok {
		return bad("object")
	}
	v.Set(reflect.MakeMap(v.Type()))
	for key, item := range object {
		e := reflect.New(v.Type().Elem()).Elem()
		if err := fill(e, item, path+".*"); err != nil {
			return err
		}
		v.SetMapIndex(reflect.ValueOf(key), e)
	}
	return nil
}

// fillStruct refuses unknown fields: a misspelt one would be a silent default.
func fillStruct(v reflect.Value, raw any, path string, bad func(string) error) error {
	object, ok := raw.(map[string]any)
	if !ok {
		return bad("object")
	}
	fields := map[string]reflect.Value{}
	for i := range v.NumField() {
		name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("avro"), ",")
		fields[name] = v.Field(i)
	}
	for _, name := range slices.Sorted(maps.Keys(object)) {
		f, ok := fields[name]
		if !ok {
			return fmt.Errorf("%s has a field that is none of %s", cmp.Or(strings.TrimPrefix(path, "."), "the request"), strings.Join(slices.Sorted(maps.Keys(fields)), ", "))
		}
		if err := fill(f, object[name], path+"."+name); err != nil {
			return err
		}
	}
	return nil
}

func fillContent(v reflect.Value, raw any, path string) error {
	object, ok := raw.(map[string]any)
	if !ok || len(object) != 1 {
		return fmt.Errorf("content is no object with one key, one of %s", strings.Join(slices.Sorted(maps.Keys(branches)), ", "))
	}
	for key, item := range object {
		t, ok := branches[key]
		if !ok {
			return fmt.Errorf("content has a key that is none of %s", strings.Join(slices.Sorted(maps.Keys(branches)), ", "))
		}
		branch := reflect.New(t).Elem()
		if err := fill(branch, item, path+"."+key); err != nil {
			return err
		}
		v.Set(branch)
	}
	return nil
}

// plain turns a value of ours into what encoding/json prints under Avro names, empty fields left out.
func plain(v reflect.Value) any {
	switch {
	case v.Kind() == reflect.Interface || v.Kind() == reflect.Pointer:
		if v.IsNil() {
			return nil
		}
		return plain(v.Elem())
	case v.Type() == timeType:
		return v.Interface()
	case v.Kind() == reflect.Struct:
		object := map[string]any{}
		for i := range v.NumField() {
			if f := v.Field(i); !f.IsZero() {
				name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("avro"), ",")
				object[name] = plain(f)
			}
		}
		return object
	case v.Kind() == reflect.Slice && v.Type().Elem().Kind() != reflect.Uint8:
		items := make([]any, v.Len())
		for i := range items {
			items[i] = plain(v.Index(i))
		}
		return items
	}
	return v.Interface()
}
