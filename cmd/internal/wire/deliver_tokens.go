package wire

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/whatsapplink/cloud/sinks/cloudapi"
)

// tokenCheck is how often a token file is looked at for a change.
const tokenCheck = time.Second

// tokens reads senders' tokens from a folder: one file a sender, named by its phone number id, read again when it
// changes. Safe for concurrent use.
type tokens struct {
	dir string
	mu  sync.Mutex
	all map[string]token
}

type token struct {
	value     cloudapi.Secret
	changed   time.Time
	checkedAt time.Time
}

func newTokens(dir string) *tokens { return &tokens{dir: dir, all: map[string]token{}} }

// has says whether a sender's token is at hand.
func (t *tokens) has(sender string) bool {
	_, ok := t.get(sender)
	return ok
}

// get returns a sender's token. A file that is missing, empty or outside the folder is none.
func (t *tokens) get(sender string) (cloudapi.Secret, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	known := t.all[sender]
	if now := time.Now(); now.Sub(known.checkedAt) >= tokenCheck {
		known = t.read(sender, known)
		known.checkedAt = now
		t.all[sender] = known
	}
	return known.value, known.value != ""
}

func (t *tokens) read(sender string, known token) token {
	if sender == "" || strings.HasPrefix(sender, ".") || filepath.Base(sender) != sender {
		return token{}
	}
	path := filepath.Join(t.dir, sender)
	info, err := os.Stat(path)
	if err != nil {
		return token{}
	}
	if info.ModTime().Equal(known.changed) {
		return known
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return token{}
	}
	return token{value: cloudapi.Secret(bytes.TrimSpace(raw)), changed: info.ModTime()}
}
