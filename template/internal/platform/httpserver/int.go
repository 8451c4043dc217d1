package httpserver

import (
	"encoding/json"
	"reflect"
	"strconv"
)

// maxExact is the largest number up to which a float64 holds every whole one.
const maxExact = 1 << 53

// Int is a whole number in a request, as JSON Schema has it: 712.0 and 7.12e2 are the same number as 712.
type Int int

// UnmarshalJSON takes a number without a fraction; for anything else it returns a *json.UnmarshalTypeError.
func (n *Int) UnmarshalJSON(data []byte) error {
	text := string(data)
	if text == "null" {
		return nil // as encoding/json leaves an int alone
	}
	if whole, err := strconv.Atoi(text); err == nil {
		*n = Int(whole)
		return nil
	}
	number, err := strconv.ParseFloat(text, 64)
	if err != nil || number < -maxExact || number > maxExact || number != float64(int64(number)) {
		return &json.UnmarshalTypeError{Value: kindOf(text), Type: reflect.TypeFor[int]()}
	}
	*n = Int(number)
	return nil
}

// kindOf names the kind of a JSON value as encoding/json does in its errors.
func kindOf(text string) string {
	switch text[0] {
	case '"':
		return "string"
	case '{':
		return "object"
	case '[':
		return "array"
	case 't', 'f':
		return "bool"
	default:
		return "number " + text
	}
}
