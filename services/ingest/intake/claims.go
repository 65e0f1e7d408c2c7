package intake

import (
	"context"
	"crypto/sha256"
	"encoding/binary"

	"github.com/google/uuid"
	lru "github.com/hashicorp/golang-lru/v2"

	"eventanalytics/pkg/auth"
	"eventanalytics/pkg/event"
	"eventanalytics/pkg/identity"
	"eventanalytics/pkg/identity/links"
	"eventanalytics/services/ingest/store"
)

// maxRemembered is how many claims are remembered, at about 100 bytes each.
const maxRemembered = 200_000

// remembered are claims that are in the log. SDKs claim the same with each event; what was
// claimed before changes nothing, so that it need not be stored again.
type remembered struct {
	claims *lru.Cache[claimKey, struct{}]
}

// claimKey is a hash: ids are as long as callers like.
type claimKey [16]byte

func newRemembered() *remembered {
	claims, _ := lru.New[claimKey, struct{}](maxRemembered) // fails only for no size
	return &remembered{claims}
}

// repeatable says that claiming the same again changes nothing, ever.
func repeatable(c links.Claim) bool { return c.Kind == identity.Known || c.Kind == identity.Link }

func keyOf(c links.Claim) claimKey {
	b := binary.BigEndian.AppendUint64(nil, uint64(c.Project))
	for _, text := range []string{string(c.Kind), c.From, c.To} {
		b = binary.BigEndian.AppendUint32(b, uint32(len(text)))
		b = append(b, text...)
	}
	sum := sha256.Sum256(b)
	return claimKey(sum[:16])
}

// unknown returns the claims that are not remembered, each once.
func (r *remembered) unknown(claims []links.Claim) (fresh []links.Claim) {
	if len(claims) == 0 {
		return nil
	}
	seen := map[claimKey]bool{}
	for _, c := range claims {
		if repeatable(c) {
			key := keyOf(c)
			if _, known := r.claims.Get(key); known || seen[key] {
				continue
			}
			// Of an operation that turns out to be known it would not be stored.
			seen[key] = c.Operation == uuid.Nil
		}
		fresh = append(fresh, c)
	}
	return fresh
}

// add remembers claims that were committed.
func (r *remembered) add(claims []links.Claim) {
	for _, c := range claims {
		if repeatable(c) {
			r.claims.Add(keyOf(c), struct{}{})
		}
	}
}

// claim appends what the caller itself says of ids to the log, and returns the position
// from which on it counts, if it may.
func (in *Intake) claim(ctx context.Context, caller auth.Principal, claim identity.Claim) (position string, err error) {
	claims := []links.Claim{{Claim: claim, Project: caller.ProjectID}}
	out, err := in.store.AddBeside(ctx, caller.ProjectID, &event.Batch{}, store.Beside{Claims: claims})
	if err != nil {
		return "", err
	}
	in.wake()
	return in.tokens.Encode(caller.ProjectID, out.Position), nil
}

// Links lists links of the caller's project.
func (in *Intake) Links(ctx context.Context, caller auth.Principal, which links.Which) ([]links.Shown, error) {
	return links.List(ctx, in.pool, caller.ProjectID, which)
}

// Unlink claims that a link of the caller's project is to be taken back. It returns
// links.ErrNoLink when there is none.
func (in *Intake) Unlink(ctx context.Context, caller auth.Principal, link int64) (position string, err error) {
	from, to, err := links.Find(ctx, in.pool, caller.ProjectID, link)
	if err != nil {
		return "", err
	}
	return in.claim(ctx, caller, identity.Claim{Kind: identity.Unlink, From: from, To: to, MadeBy: madeByAPI})
}

// Merge claims that an id of the caller's project is another as well, even if both are known.
func (in *Intake) Merge(ctx context.Context, caller auth.Principal, from, to string) (position string, err error) {
	return in.claim(ctx, caller, identity.Claim{Kind: identity.Merge, From: from, To: to, MadeBy: madeByAPI})
}

const madeByAPI = "api"
