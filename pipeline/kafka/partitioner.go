package kafka

import "github.com/segmentio/kafka-go"

// PartitionOf is the partition of a topic with n partitions that a key belongs to: Murmur2, as Kafka's Java client has it.
func PartitionOf(key []byte, n int) int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return kafka.Murmur2Balancer{}.Balance(kafka.Message{Key: key}, all...)
}
