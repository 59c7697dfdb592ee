package wire

import (
	"errors"

	"github.com/whatsapplink/cloud/cmd/internal/boot"
	"github.com/whatsapplink/cloud/pipeline/seal"
)

// Keys are the variables of the binaries that open or seal content.
type Keys struct {
	KeysURL    string `env:"WL_KEYS_URL"`
	KeysOldURL string `env:"WL_KEYS_OLD_URL"`
}

func (k Keys) check() []boot.Problem {
	if k.KeysURL == "" {
		return []boot.Problem{boot.NotSet("WL_KEYS_URL")}
	}
	return nil
}

// keeper opens the root key's keeper.
func (k Keys) keeper() (seal.Keeper, error) {
	return openKeeper("WL_KEYS_URL", k.KeysURL, k.KeysOldURL)
}

// RefsKeys are the variables of the binaries that make pseudonyms. This keeper opens no content.
type RefsKeys struct {
	RefsURL string `env:"WL_REFS_URL"`
}

func (k RefsKeys) check() []boot.Problem {
	if k.RefsURL == "" {
		return []boot.Problem{boot.NotSet("WL_REFS_URL")}
	}
	return nil
}

func (k RefsKeys) keeper() (seal.Keeper, error) { return openKeeper("WL_REFS_URL", k.RefsURL, "") }

func openKeeper(variable, url, old string) (seal.Keeper, error) {
	keeper, err := seal.OpenKeeper(url, old)
	switch {
	case errors.Is(err, seal.ErrWeakKey):
		return nil, boot.Problem{Variable: variable, What: "holds a weak key", Hint: "32 random bytes: wlctl setup --new-key"}
	case err != nil:
		return nil, boot.Problem{Variable: variable, What: "is not a keeper URL that can be used", Hint: "base64key:// hashivault:// awskms:// gcpkms:// azurekeyvault://"}
	}
	return keeper, nil
}

// Keyless is the variable that binaries without a content key read only to refuse it.
type Keyless struct {
	KeysURL string `env:"WL_KEYS_URL"`
}

func (k Keyless) check() []boot.Problem {
	if k.KeysURL != "" {
		return []boot.Problem{{Variable: "WL_KEYS_URL", What: "is set, and this binary must run without any content key", Hint: "unset it for this binary"}}
	}
	return nil
}
