package kafka

import (
	"errors"
	"testing"

	"github.com/segmentio/kafka-go/protocol/metadata"
)

func TestLargestReplicaIsToldOnlyWhenAllAreSeen(t *testing.T) {
	// Goal: no size is told while a replica may hold bytes that nobody was asked for. Method: two replicas of which all is
	// known, then each thing that can hide one.
	dir := func(replicas ...logDirReplica) logDir { return logDir{Topics: []logDirTopic{{Partitions: replicas}}} }
	whole := func() (*metadata.ResponsePartition, map[int32][]logDir) {
		return &metadata.ResponsePartition{ReplicaNodes: []int32{1, 2}, IsrNodes: []int32{2, 1}}, map[int32][]logDir{
			1: {dir(), dir(logDirReplica{Size: 70})}, 2: {dir(logDirReplica{Size: 90})}, 3: {dir()},
		}
	}
	if size, err := largest(whole()); size != 90 || err != nil {
		t.Fatalf("%d, %v", size, err)
	}
	for name, hide := range map[string]func(*metadata.ResponsePartition, map[int32][]logDir){
		"out of sync":       func(p *metadata.ResponsePartition, _ map[int32][]logDir) { p.IsrNodes = p.IsrNodes[:1] },
		"offline":           func(p *metadata.ResponsePartition, _ map[int32][]logDir) { p.OfflineReplicas = []int32{2} },
		"broker not asked":  func(_ *metadata.ResponsePartition, d map[int32][]logDir) { delete(d, 2) },
		"directory missing": func(_ *metadata.ResponsePartition, d map[int32][]logDir) { d[2] = nil },
		"directory failed":  func(_ *metadata.ResponsePartition, d map[int32][]logDir) { d[1][0].ErrorCode = 56 },
		"failed elsewhere":  func(_ *metadata.ResponsePartition, d map[int32][]logDir) { d[3][0].ErrorCode = 56 },
		"behind": func(_ *metadata.ResponsePartition, d map[int32][]logDir) {
			d[2][0].Topics[0].Partitions[0].OffsetLag = 1
		},
		"moving to a directory": func(_ *metadata.ResponsePartition, d map[int32][]logDir) {
			d[1][0] = dir(logDirReplica{IsFuture: true})
		},
		"on a broker of no part": func(_ *metadata.ResponsePartition, d map[int32][]logDir) { d[3][0] = dir(logDirReplica{Size: 1}) },
	} {
		p, dirs := whole()
		hide(p, dirs)
		if size, err := largest(p, dirs); !errors.Is(err, ErrUnseen) {
			t.Errorf("%s: %d, %v", name, size, err)
		}
	}
	if _, err := largest(&metadata.ResponsePartition{}, nil); !errors.Is(err, ErrUnseen) {
		t.Errorf("no replica: %v", err)
	}
}
