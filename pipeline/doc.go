// Package pipeline is the machine that carries records from a source through a stage to its targets.
//
// Its one guarantee is an order of effects: fetch, step, write outputs, write dead letters, commit. A record is committed
// only after everything that follows from it has been acknowledged, so a crash between any two effects repeats work and
// loses none. crash_test.go cuts between every two effects to show it, keyed_crash_test.go does so for the keyed loop.
//
// Two loops keep it: Batch settles batch after batch; Keyed has many effects in flight and commits up to the lowest
// unfinished record. Retry bounds the repeats of one effect; Topics and Batched are the Targets and Logs that every
// stage shares; Metrics and Progress say how it goes.
//
// It knows no stage, no Kafka and no ClickHouse, and imports nothing of ours; adapters in pipeline/kafka and sinks plug
// into Source, Log and Target.
package pipeline
