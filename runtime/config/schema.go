package config

import (
	"encoding/json"
	"fmt"
)

// schema is one JSON Schema (2020-12).
type schema map[string]any

const (
	durationPattern = `([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+`
	dependencyName  = `^[a-z][a-z0-9_.-]*$`
	methodName      = `^[\p{L}_][\p{L}\p{Nd}_]*$`
	extension       = "x-" // top-level keys that hold anchors only
)

var (
	durationSchema = schema{"type": "string", "pattern": "^" + durationPattern + "$"}
	rateSchema     = schema{"type": "string", "pattern": `^[0-9]+/[smh]$`}
)

func ref(def string) schema { return schema{"$ref": "#/$defs/" + def} }

func mapSchema(names, def string) schema {
	return schema{
		"type":                 "object",
		"propertyNames":        schema{"pattern": names},
		"additionalProperties": schema{"anyOf": []schema{ref(def), {"type": "null"}}},
	}
}

func enum[V fmt.Stringer](values []V) schema {
	names := make([]string, len(values))
	for i, v := range values {
		names[i] = v.String()
	}
	return schema{"enum": names}
}

func object[T any](fields []field[T]) schema {
	properties := schema{}
	for _, f := range fields {
		s := schema{"description": f.text}
		for k, v := range f.schema {
			s[k] = v
		}
		properties[f.key] = s
	}
	return schema{"type": "object", "properties": properties, "additionalProperties": false}
}

// short is object, or the value of its first field alone.
func short[T any](fields []field[T]) schema {
	return schema{"anyOf": []schema{fields[0].schema, object(fields)}}
}

// Schema returns the JSON Schema of an overrides file. It is committed as
// overrides.schema.json beside this package, for editors:
//
//	# yaml-language-server: $schema=PATH/overrides.schema.json
func Schema() []byte {
	degrade := schema{}
	for l := range levels {
		degrade[l.String()] = enum(actions)
	}
	root := object(overridesFields)
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["title"] = "resil overrides"
	root["patternProperties"] = schema{"^" + extension: schema{"description": "Holds anchors for the rest of the file."}}
	root["$defs"] = schema{
		"dependency": object(dependencyFields),
		"method":     object(methodFields),
		"breaker":    object(breakerFields),
		"retry":      object(retryFields),
		"timeout":    short(timeoutFields),
		"bulkhead":   short(bulkheadFields),
		"rate":       short(rateFields),
		"hedge":      short(hedgeFields),
		"degrade":    schema{"type": "object", "properties": degrade, "additionalProperties": false},
	}
	text, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		panic("config: schema cannot be encoded: " + err.Error()) // it is maps and strings only
	}
	return append(text, '\n')
}
