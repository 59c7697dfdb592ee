package schemas

import "encoding/hex"

// StopID is the id of a Stop whose scope belongs to a tenant: tenant/ref in hex for template and recipient, where ref is
// the tenant's keyed ref of the template or of the person. Scopes number, account and credential use Meta's own id.
func StopID(tenant string, ref []byte) string { return tenant + "/" + hex.EncodeToString(ref) }
