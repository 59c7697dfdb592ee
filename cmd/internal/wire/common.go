package wire

import (
	"errors"

	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/schemas"
)

// PolicyVersion is the privacy policy that every event, receipt and audit record is stamped with.
const PolicyVersion = "2026-11"

// batchLimits are what was measured best: larger batches cost the collector more than they save in requests.
var batchLimits = pipeline.Limits{Records: 1000, Bytes: 1 << 20}

// output is a record that encodes itself: pairing a codec with its value keeps the types apart until the bytes.
type output func() (pipeline.Output, error)

// record is one record for a topic, its partition chosen by key.
func record[T any](topic string, key []byte, codec *schemas.Codec[T], value *T) output {
	return func() (pipeline.Output, error) {
		bytes, err := codec.Encode(value)
		return pipeline.Output{Topic: topic, Partition: pipeline.AnyPartition, Key: key, Value: bytes}, err
	}
}

func encodeAll(outputs ...output) ([]pipeline.Output, error) {
	encoded := make([]pipeline.Output, 0, len(outputs))
	for _, o := range outputs {
		e, err := o()
		if err != nil {
			return nil, err
		}
		encoded = append(encoded, e)
	}
	return encoded, nil
}

// coordinates is a position as records carry it.
func coordinates(p pipeline.Position) schemas.Coordinates {
	return schemas.Coordinates{Topic: p.Topic, Partition: int32(p.Partition), Offset: p.Offset}
}

// undecodable turns the codec's verdict on a record into a rejection; anything else is the world's fault (a registry
// that cannot be reached).
func undecodable(err error) error {
	var bad *schemas.DecodeError
	if errors.As(err, &bad) {
		return pipeline.Reject(bad.Reason)
	}
	return err
}
