package wire

import (
	"time"

	"github.com/whatsapplink/cloud/cmd/internal/boot"
	"github.com/whatsapplink/cloud/pipeline/seal"
)

// DefaultWindows are those of a tenant that says nothing else.
type DefaultWindows struct {
	Delivery   string `env:"WL_DELIVERY_WINDOW" envDefault:"24h"`
	Diagnostic string `env:"WL_DIAGNOSTIC_WINDOW" envDefault:"72h"`
}

func (w DefaultWindows) check() []boot.Problem {
	var problems []boot.Problem
	if d, err := seal.ParseWindow(w.Delivery); err != nil || d <= 0 || d > 24*time.Hour {
		problems = append(problems, boot.Problem{Variable: "WL_DELIVERY_WINDOW", What: "is not a window of at most 24h", Hint: "whole hours: 24h"})
	}
	if _, err := seal.ParseWindow(w.Diagnostic); err != nil {
		problems = append(problems, boot.Problem{Variable: "WL_DIAGNOSTIC_WINDOW", What: "is not a window", Hint: "whole hours: 72h, or 0s for none"})
	}
	return problems
}

func (w DefaultWindows) delivery() time.Duration   { d, _ := seal.ParseWindow(w.Delivery); return d }
func (w DefaultWindows) diagnostic() time.Duration { d, _ := seal.ParseWindow(w.Diagnostic); return d }
