package wire

import (
	"time"

	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/pipeline/kafka"
	"github.com/whatsapplink/cloud/pipeline/seal"
)

// newOpener opens what any sealer of this deployment sealed, by the seeds in the key topics.
func newOpener(c *kafka.Cluster, keeper seal.Keeper, windows []time.Duration) *seal.Opener {
	return seal.NewOpener(seal.OpenerConfig{
		Keeper: keeper, ShortestBucket: MinBucket(windows[0]),
		Tail: func(topic string, from int64) pipeline.Source { return c.Tail(topic, 0, from) },
	})
}

// newSealer seals under seeds of this process's own; opener, if any, then needs no keeper for what it seals itself.
func newSealer(log pipeline.Log, keeper seal.Keeper, windows []time.Duration, opener *seal.Opener) *seal.Sealer {
	return seal.NewSealer(seal.SealerConfig{Log: log, Keeper: keeper, ShortestBucket: MinBucket(windows[0]), Opener: opener})
}
