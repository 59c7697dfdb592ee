package schemas

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/sr"
)

// Registry knows the schemas of the Confluent wire format.
type Registry interface {
	// SchemaByID returns the text of an Avro schema, or ErrUnknownSchema when there is none with this id. Any other
	// error is the world's. Safe for concurrent use.
	SchemaByID(ctx context.Context, id int) (string, error)
}

// ErrUnknownSchema says that the registry answered and has no such schema.
var ErrUnknownSchema = errors.New("schema registry has no such id")

// cachedSchemas bounds what is remembered of ids, known or unknown: a producer chooses them.
const cachedSchemas = 1000

// unknownFor is how long an unknown id is not asked for again.
const unknownFor = 10 * time.Second

// NewRegistry returns a Registry over Confluent's REST API at url. It opens nothing yet.
func NewRegistry(url string) (Registry, error) {
	client, err := sr.NewClient(sr.URLs(url), sr.UserAgent("whatsapplink-cloud"))
	if err != nil {
		return nil, fmt.Errorf("schema registry client: %w", err)
	}
	return &registry{client: client, unknown: map[int]time.Time{}}, nil
}

type registry struct {
	client *sr.Client

	mu      sync.Mutex
	unknown map[int]time.Time // when it was asked for
}

// SchemaByID asks the registry, except for ids it did not know a moment ago.
func (r *registry) SchemaByID(ctx context.Context, id int) (string, error) {
	r.mu.Lock()
	asked, ok := r.unknown[id]
	r.mu.Unlock()
	if ok && time.Since(asked) < unknownFor {
		return "", ErrUnknownSchema
	}
	schema, err := r.client.SchemaByID(ctx, id)
	var answer *sr.ResponseError
	switch {
	case err == nil && schema.Type == sr.TypeAvro:
		return schema.Schema, nil
	case err == nil:
		return "", nil // a schema of another language resolves to nothing of ours
	case errors.As(err, &answer) && answer.ErrorCode == sr.ErrSchemaNotFound.Code:
		r.mu.Lock()
		defer r.mu.Unlock()
		if len(r.unknown) >= cachedSchemas {
			clear(r.unknown)
		}
		r.unknown[id] = time.Now()
		return "", ErrUnknownSchema
	case errors.As(err, &answer):
		return "", fmt.Errorf("ask schema registry: status %d", answer.StatusCode)
	case ctx.Err() != nil:
		return "", fmt.Errorf("ask schema registry: %w", ctx.Err())
	default:
		return "", errors.New("ask schema registry: no answer")
	}
}

// writerCache remembers the plans for schema ids; nil for an id whose schema is incompatible.
type writerCache struct {
	mu      sync.RWMutex
	writers map[int]*writer
}

func (c *writerCache) get(id int) (w *writer, known bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	w, known = c.writers[id]
	return w, known
}

func (c *writerCache) put(id int, w *writer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.writers == nil || len(c.writers) >= cachedSchemas {
		c.writers = map[int]*writer{}
	}
	c.writers[id] = w
}
