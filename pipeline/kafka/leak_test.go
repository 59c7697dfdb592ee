package kafka_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/whatsapplink/cloud/pipeline/kafka"
	"github.com/whatsapplink/cloud/pipeline/kafka/embedded"
)

func TestNothingIsLeftRunning(t *testing.T) {
	// Goal: New opens nothing; after all loops ended and Close no goroutine is left. Method: goleak round one use of all.
	ignore := goleak.IgnoreCurrent()
	c := kafka.New(kafka.Config{Brokers: []string{"127.0.0.1:1"}, Logger: quiet})
	goleak.VerifyNone(t, ignore)
	c.Close()

	b, err := embedded.Start(embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	c = kafka.New(kafka.Config{Brokers: b.Brokers(), Logger: quiet})
	create(t, c, kafka.TopicSpec{Name: "a", Partitions: 4})
	put(t, c, numbered("a", 0, 10))
	s := newSeen()
	leave := join(t, &kafka.Group{Cluster: c, ID: "g", Topics: topics("a"), Own: handle(s)})
	eventually(t, "all are handled", func() bool { return s.count() == 10 })
	t.Run("table", func(t *testing.T) { waitFor(t, runTable(t, c, "a").Ready()) })
	if err := leave(); err != nil {
		t.Fatal(err)
	}
	c.Close()
	b.Close()
	goleak.VerifyNone(t, ignore)
}
