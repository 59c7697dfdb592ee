package listen

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// keywords are the whole messages and button labels that mean stop, normalised: the words American law names, and the
// usual ones elsewhere. To stop marketing for somebody who meant less is the lighter error.
var keywords = wordSet(`
stop, stop all, stopall, stop promotions, stop marketing, unsubscribe, opt out, optout, cancel, end, quit, revoke, remove me
stopp, abmelden, abbestellen, keine werbung, austragen
arret, arrêt, arreter, arrêter, desabonner, désabonner, se désabonner, me désabonner, désinscription, desinscription
parar, alto, baja, darse de baja, dar de baja, cancelar, cancelar suscripción, no más, detener
sair, pare, descadastrar, cancelar inscrição, remover
ferma, basta, disiscrivi, disiscrivimi, cancellami, annulla iscrizione
afmelden, uitschrijven, afmeld, afmelding, avmeld, avsluta, avregistrera, lopeta, peruuta
dur, iptal, durdur, abonelikten çık
zatrzymaj, wypisz, wypisz mnie, rezygnuję, odhlásit, dezabonare, leiratkozás, odjava
стоп, отписаться, отписка, отмена, відписатися
berhenti, henti, dừng, hủy, acha, simama, tigil
रोकें, रोको, बंद, बंद करें, বন্ধ, நிறுத்து, ఆపు, روکیں
إيقاف, ايقاف, توقف, إلغاء, الغاء, إلغاء الاشتراك, الغاء الاشتراك, לעצור, עצור, הסר, הסרה, توقف کنید, لغو
停止, 配信停止, 退订, 退訂, 取消订阅, 取消訂閱, 수신거부, 중지, 그만, หยุด, ยกเลิก
`)

func wordSet(list string) map[string]bool {
	set := make(map[string]bool)
	for word := range strings.SplitSeq(strings.ReplaceAll(strings.TrimSpace(list), "\n", ","), ",") {
		set[normalise(word)] = true
	}
	return set
}

const longestKeyword = 64 // bytes, generously; longer texts are no keyword

func isKeyword(t text) bool { return len(t) <= longestKeyword && keywords[normalise(string(t))] }

// normalise folds width, composition and case, reads _ and - as a space, and drops what surrounds the words: signs,
// blanks, emoji.
func normalise(s string) string {
	s = strings.ToLower(norm.NFKC.String(s))
	words := strings.FieldsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || r == '_' || r == '-' })
	return strings.TrimFunc(strings.Join(words, " "), func(r rune) bool {
		const variationSelector = '\uFE0F' // follows emoji
		return r == variationSelector || !unicode.IsLetter(r) && !unicode.IsMark(r) && !unicode.IsNumber(r)
	})
}

// wantsStop says whether a typed text, or the label or payload of a button or list row, is a keyword as a whole.
func (m *inbound) wantsStop() bool {
	i := &m.Interactive
	for _, t := range []text{
		m.Text.Body, m.Button.Payload, m.Button.Text, i.ButtonReply.ID, i.ButtonReply.Title, i.ListReply.ID, i.ListReply.Title,
	} {
		if isKeyword(t) {
			return true
		}
	}
	return false
}
