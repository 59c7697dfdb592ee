package kafka

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
)

// reason reduces an error of the library to what may be wrapped and logged: Kafka's error code with its fixed text, or a
// class. A broker's own message can quote what was sent.
func reason(err error) error {
	var code kafka.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &code):
		return code
	case errors.Is(err, context.Canceled):
		return context.Canceled
	case errors.Is(err, context.DeadlineExceeded):
		return context.DeadlineExceeded
	case errors.Is(err, protocol.ErrNoTopic), errors.Is(err, protocol.ErrNoPartition):
		return kafka.UnknownTopicOrPartition
	case errors.Is(err, protocol.ErrNoLeader):
		return kafka.LeaderNotAvailable
	case errors.Is(err, errCorrupt), errors.Is(err, errUnsupported):
		return err
	}
	var network net.Error
	if errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) {
		return errNetwork
	}
	return fmt.Errorf("%w (%T)", errOther, err)
}

var (
	errNetwork = errors.New("connection to the broker failed")
	errOther   = errors.New("unclassified")
)

// lasting says whether asking again cannot help: a decision of the broker that only a person changes.
func lasting(err error) bool {
	var code kafka.Error
	if !errors.As(err, &code) {
		return errors.Is(err, errCorrupt) || errors.Is(err, errUnsupported)
	}
	switch code {
	case kafka.MessageSizeTooLarge, kafka.RecordListTooLarge, kafka.InvalidTopic, kafka.InvalidRecord,
		kafka.TopicAuthorizationFailed, kafka.GroupAuthorizationFailed, kafka.ClusterAuthorizationFailed,
		kafka.SASLAuthenticationFailed, kafka.UnsupportedSASLMechanism, kafka.UnsupportedVersion,
		kafka.InvalidRequiredAcks, kafka.PolicyViolation, kafka.InvalidConfiguration, kafka.InvalidRequest,
		kafka.InvalidReplicationFactor, kafka.InvalidPartitionNumber, kafka.UnsupportedCompressionType:
		return true
	}
	return false
}

// fenced says that a commit came from a generation that is over: another member owns the partitions, or soon will.
func fenced(err error) bool {
	return errors.Is(err, kafka.IllegalGeneration) || errors.Is(err, kafka.UnknownMemberId) ||
		errors.Is(err, kafka.RebalanceInProgress)
}

// passing is how long a failure may last unsaid: leaders change, and topics are created, within it.
const passing = time.Second

// trouble logs a failure that lasts, once per class, and its end. Not safe for concurrent use.
type trouble struct {
	log   *slog.Logger
	what  string    // what was attempted
	since time.Time // of the first failure; zero: none
	class string    // that was logged
}

// failed notes a failure.
func (t *trouble) failed(err error) {
	if t.since.IsZero() {
		t.since = time.Now()
	}
	class := reason(err).Error()
	if class == t.class || time.Since(t.since) < passing {
		return
	}
	t.class = class
	args := []any{"error", class}
	if errors.Is(reason(err), kafka.UnknownTopicOrPartition) {
		args = append(args, "hint", "create the topics with: wlctl setup --apply")
	}
	t.log.Warn(t.what+": retrying", args...)
}

// healed notes a success.
func (t *trouble) healed() {
	if t.class != "" {
		t.log.Info(t.what + ": works again")
	}
	t.since, t.class = time.Time{}, ""
}
