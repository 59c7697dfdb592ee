package boot

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"os"
)

// Secret is a value from a secret file. It prints as [redacted] wherever it could print.
type Secret []byte

// Format prints [redacted] for every verb.
func (Secret) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "[redacted]") }

// LogValue logs [redacted].
func (Secret) LogValue() slog.Value { return slog.StringValue("[redacted]") }

// MarshalText marshals to [redacted].
func (Secret) MarshalText() ([]byte, error) { return []byte("[redacted]"), nil }

// SecretFile reads the one secret in the file that a variable names.
func SecretFile(variable, path string) (Secret, error) {
	lines, err := SecretLines(variable, path)
	if err != nil {
		return nil, err
	}
	if len(lines) != 1 {
		return nil, Problem{variable, "names a file with more than one line", "one secret, one line"}
	}
	return lines[0], nil
}

// SecretLines reads the secrets, one a line, in the file that a variable names. Secrets under 8 bytes are refused.
func SecretLines(variable, path string) ([]Secret, error) {
	if path == "" {
		return nil, Problem{variable, "is not set", hints[variable]}
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, Problem{variable, "names a file that cannot be read", hints[variable]}
	}
	var secrets []Secret
	for _, line := range bytes.Split(raw, []byte("\n")) {
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		if len(line) < 8 {
			return nil, Problem{variable, "names a file with a secret under 8 characters", "weak secrets are refused"}
		}
		secrets = append(secrets, Secret(line))
	}
	if len(secrets) == 0 {
		return nil, Problem{variable, "names an empty file", hints[variable]}
	}
	return secrets, nil
}

// String returns [redacted].
func (Secret) String() string { return "[redacted]" }
