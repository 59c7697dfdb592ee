package validate

import (
	"errors"
	"strings"

	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/schemas"
)

// ownTopic is the prefix of the topics that belong to one tenant each, guarded by ACL.
const ownTopic = "requests."

// Decode returns the decoder of records of requests and requests.<tenant>: a record the codec cannot read is rejected
// with the codec's reason; any other error (a schema registry out of reach) is the world's.
func Decode(codec *schemas.Codec[schemas.MessageRequest]) func(pipeline.Record) (Request, error) {
	return func(rec pipeline.Record) (Request, error) {
		m, err := codec.Decode(rec.Value)
		if bad := (*schemas.DecodeError)(nil); errors.As(err, &bad) {
			return Request{}, pipeline.Reject(bad.Reason)
		}
		if err != nil {
			return Request{}, err
		}
		bound, own := strings.CutPrefix(rec.Topic, ownTopic)
		if !own {
			bound = ""
		}
		return Request{MessageRequest: m, Source: rec.Position, AcceptedAt: rec.AppendedAt, Bound: bound}, nil
	}
}
