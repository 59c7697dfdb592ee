package wire

import (
	"cmp"
	"errors"
	"os"
	"strings"

	"github.com/whatsapplink/cloud/cmd/internal/boot"
	"github.com/whatsapplink/cloud/pipeline/seal"
)

// Keys are the variables of the binaries that open or seal content.
type Keys struct {
	KeysURL    string `env:"WL_KEYS_URL"`
	KeysOldURL string `env:"WL_KEYS_OLD_URL"`
}

func (k Keys) check(c *boot.Common) []boot.Problem {
	if k.KeysURL == "" {
		return []boot.Problem{boot.NotSet("WL_KEYS_URL")}
	}
	return append(localKey("WL_KEYS_URL", k.KeysURL, c), localKey("WL_KEYS_OLD_URL", k.KeysOldURL, c)...)
}

// keeper opens the root key's keeper, and the previous one beside it while rotating.
func (k Keys) keeper() (seal.Keeper, error) {
	if k.KeysOldURL != "" {
		if _, err := openKeeper("WL_KEYS_OLD_URL", k.KeysOldURL, ""); err != nil {
			return nil, err
		}
	}
	return openKeeper("WL_KEYS_URL", k.KeysURL, k.KeysOldURL)
}

// RefsKeys are the variables of the binaries that make pseudonyms. This keeper opens no content.
type RefsKeys struct {
	RefsURL string `env:"WL_REFS_URL"`
}

func (k RefsKeys) check(c *boot.Common) []boot.Problem {
	if k.RefsURL == "" {
		return []boot.Problem{boot.NotSet("WL_REFS_URL")}
	}
	return localKey("WL_REFS_URL", k.RefsURL, c)
}

// localKey refuses a root key that lies in a variable where the deployment is more than one machine: what is written to
// Kafka elsewhere is only as safe as who can read the environment here.
func localKey(variable, url string, c *boot.Common) []boot.Problem {
	if !strings.HasPrefix(url, "base64key://") || c.Local() {
		return nil
	}
	return []boot.Problem{{Variable: variable, What: "is a local key, and a broker is not on loopback", Hint: "hashivault:// awskms:// gcpkms:// azurekeyvault://"}}
}

func (k RefsKeys) keeper() (seal.Keeper, error) { return openKeeper("WL_REFS_URL", k.RefsURL, "") }

func openKeeper(variable, url, old string) (seal.Keeper, error) {
	if strings.HasPrefix(url, "hashivault:") {
		// As the driver reads them, which would tell of a mistake only when it is first asked.
		if !secureURL(cmp.Or(os.Getenv("VAULT_SERVER_URL"), os.Getenv("VAULT_ADDR"))) {
			return nil, boot.Problem{Variable: "VAULT_ADDR", What: "is not the URL of a Vault that is asked by TLS", Hint: "https://host:8200; plain http on loopback only"}
		}
	}
	keeper, err := seal.OpenKeeper(url, old)
	switch {
	case errors.Is(err, seal.ErrWeakKey):
		return nil, boot.Problem{Variable: variable, What: "holds a weak key", Hint: "32 random bytes: wlctl setup --new-key"}
	case err != nil:
		return nil, boot.Problem{Variable: variable, What: "is not a keeper URL that can be used", Hint: "base64key:// hashivault:// awskms:// gcpkms:// azurekeyvault://"}
	}
	return keeper, nil
}

// Keyless are the variables that binaries without a content key read only to refuse them.
type Keyless struct {
	KeysURL    string `env:"WL_KEYS_URL"`
	KeysOldURL string `env:"WL_KEYS_OLD_URL"`
}

func (k Keyless) check() (problems []boot.Problem) {
	for _, v := range [][2]string{{"WL_KEYS_URL", k.KeysURL}, {"WL_KEYS_OLD_URL", k.KeysOldURL}} {
		if v[1] != "" {
			problems = append(problems, boot.Problem{Variable: v[0], What: "is set, and this binary must run without any content key", Hint: "unset it for this binary"})
		}
	}
	return problems
}

// allReady is the first reason why a service cannot work now.
func allReady(checks ...func() error) func() error {
	return func() error {
		for _, check := range checks {
			if err := check(); err != nil {
				return err
			}
		}
		return nil
	}
}
