package schemas

// The reasons of a DecodeError: a closed list.
const (
	ReasonEmpty              = "empty"               // no bytes at all
	ReasonTooLarge           = "too_large"           // more than MaxValue bytes
	ReasonUnknownEncoding    = "unknown_encoding"    // neither single-object encoding nor (with a registry) the Confluent wire format
	ReasonUnknownSchema      = "unknown_schema"      // a fingerprint or schema id that nobody here knows
	ReasonIncompatibleSchema = "incompatible_schema" // the writer's schema, or what it chose to write, cannot be read as ours
	ReasonResealed           = "resealed"            // a copy without content that only names one more seed of a message
	ReasonUndecodable        = "undecodable"         // bytes that are no value of the writer's schema, or a time outside 1970..9999
	ReasonInvalidUTF8        = "invalid_utf8"        // a string that is not UTF-8
)

// DecodeReasons lists every reason a DecodeError can have.
var DecodeReasons = []string{
	ReasonEmpty, ReasonTooLarge, ReasonUnknownEncoding, ReasonUnknownSchema, ReasonIncompatibleSchema, ReasonUndecodable, ReasonInvalidUTF8,
}

// DecodeError says why bytes are not a record. It is the record's fault: the same bytes give the same error.
type DecodeError struct {
	Reason string // one of DecodeReasons
}

// Error returns the reason only: it never quotes the bytes.
func (e *DecodeError) Error() string { return e.Reason }
