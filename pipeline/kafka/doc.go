// Package kafka plugs the pipeline into Apache Kafka: partitions as sources, the cluster as a log, compacted topics as
// tables, and the administration the binaries need.
//
// Its one invariant: no record is passed over in silence. A partition is read offset by offset; where the broker no longer
// has the asked offset, reading goes on at the log's start and the gap is counted and logged, never at its end. Offsets are
// committed forward only, and only by the generation that owns the partition.
//
// It is the only importer of github.com/segmentio/kafka-go, and imports nothing of ours but pipeline. Because it registers
// a Fetch response of its own, which keeps the broker's append time, nobody in the process may call kafka.Client.Fetch.
//
// Topic names are without the deployment's prefix everywhere in our code; Cluster adds and strips it.
package kafka
