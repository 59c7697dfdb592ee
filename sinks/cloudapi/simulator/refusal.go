package simulator

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// refusal is an error answer, and the violation it is counted as.
type refusal struct {
	code       int
	subcode    int
	reason     string // key of Counts.Violations; "" for none
	details    string
	status     int // HTTP; 0: Meta's for the code
	retryAfter time.Duration
}

// codes are the HTTP statuses and titles Meta lists. Codes that are not here get 400.
var codes = map[int]struct {
	status int
	title  string
}{
	0: {401, "AuthException"}, 1: {400, "API Unknown"}, 2: {503, "API Service"}, 3: {500, "API Method"},
	4: {400, "API Too Many Calls"}, 10: {403, "API Permission Denied"}, 33: {400, "Parameter value is not valid"},
	100: {400, "Invalid parameter"}, 190: {401, "Access token has expired"}, 200: {403, "API Permission"},
	368:    {403, "Temporarily blocked for policies violations"},
	130403: {400, "Business blocked user"}, 130429: {400, "Rate limit hit"}, 130497: {403, "Business account is restricted from messaging users in this country"},
	131000: {500, "Something went wrong"}, 131005: {403, "Access denied"}, 131008: {400, "Required parameter is missing"},
	131009: {400, "Parameter value is not valid"}, 131016: {500, "Service unavailable"}, 131021: {400, "Recipient cannot be sender"},
	131026: {400, "Message undeliverable"}, 131031: {403, "Account has been locked"}, 131042: {400, "Business eligibility payment issue"},
	131045: {500, "Incorrect certificate"}, 131047: {400, "Re-engagement message"}, 131048: {400, "Spam rate limit hit"},
	131049: {400, "Meta chose not to deliver"}, 131050: {400, "User stopped marketing messages"}, 131051: {400, "Unsupported message type"},
	131053: {400, "Media upload error"}, 131056: {400, "(Business Account, Consumer Account) pair rate limit hit"},
	131057: {500, "Account in maintenance mode"}, 131062: {400, "Recipient id is not allowed for this message"},
	132000: {400, "Number of parameters does not match the expected number of params"}, 132001: {404, "Template name does not exist in the translation"},
	132005: {400, "Template hydrated text too long"}, 132012: {400, "Template parameter format mismatch"}, 132015: {400, "Template is paused"},
	132016: {400, "Template is disabled"}, 132018: {400, "Template parameter is not valid"}, 133004: {503, "Server temporarily unavailable"},
	133010: {400, "Phone number not registered"},
}

// write answers in the shape of Graph's errors.
func (f *refusal) write(w http.ResponseWriter) {
	known := codes[f.code]
	status := f.status
	if status == 0 {
		status = max(known.status, http.StatusBadRequest)
	}
	e := map[string]any{
		"message": fmt.Sprintf("(#%d) %s", f.code, known.title), "type": "OAuthException", "code": f.code,
		"error_data": map[string]any{"messaging_product": "whatsapp", "details": f.details},
		"fbtrace_id": "AsimulatedTraceId0000000",
	}
	if f.subcode != 0 {
		e["error_subcode"] = f.subcode
	}
	if f.retryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int((f.retryAfter+time.Second-1)/time.Second)))
	}
	writeJSON(w, status, map[string]any{"error": e})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // a caller that went away is its own affair
}
