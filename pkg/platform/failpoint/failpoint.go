// Package failpoint names the places where tests kill the service, halt it for a
// while or make it fail, and does so in builds with the tag "failpoints". In all
// others Hit does nothing and the compiler leaves it out.
package failpoint

// Name of a place.
type Name string

// The places, in the order in which an event passes them.
const (
	IngestBeforeCommit   Name = "ingest-before-commit"
	IngestAfterCommit    Name = "ingest-after-commit" // and before the answer
	WorkerAfterClaim     Name = "worker-after-claim"  // the lease is taken, nothing done
	LoadAfterTail        Name = "load-after-tail"
	KeysBeforeCommit     Name = "keys-before-commit"
	SegmentBeforeSync    Name = "segment-before-sync"
	SegmentBeforeRename  Name = "segment-before-rename"
	FolderBeforeSync     Name = "folder-before-sync"
	LoadMidway           Name = "load-midway" // some of the load's segments are written
	LoadBeforeCommit     Name = "load-before-commit"
	LoadInCommit         Name = "load-in-commit" // all is sent except COMMIT
	LoadAfterCommit      Name = "load-after-commit"
	CompactBeforeSwap    Name = "compact-before-swap"
	CompactInSwap        Name = "compact-in-swap" // all is sent except COMMIT
	CompactAfterSwap     Name = "compact-after-swap"
	CollectBeforeUnlink  Name = "collect-before-unlink" // the rows are gone
	CollectMidway        Name = "collect-midway"        // some of the files are gone
	CollectBeforeOrphans Name = "collect-before-orphans"
	PartitionDetached    Name = "partition-detached" // and not dropped
	StatsBeforeAnswer    Name = "stats-before-answer"
)

// All places.
func All() []Name {
	return []Name{
		IngestBeforeCommit, IngestAfterCommit,
		WorkerAfterClaim, LoadAfterTail, KeysBeforeCommit,
		SegmentBeforeSync, SegmentBeforeRename, FolderBeforeSync,
		LoadMidway, LoadBeforeCommit, LoadInCommit, LoadAfterCommit,
		CompactBeforeSwap, CompactInSwap, CompactAfterSwap,
		CollectBeforeUnlink, CollectMidway, CollectBeforeOrphans, PartitionDetached,
		StatsBeforeAnswer,
	}
}
