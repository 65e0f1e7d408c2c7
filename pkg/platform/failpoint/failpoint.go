// Package failpoint names the points at which tests kill the service, pause it or
// make it fail. It acts only in builds with the tag "failpoints"; in all others Hit
// is an empty function that the compiler removes.
package failpoint

// Name of a failpoint.
type Name string

// The failpoints, in the order in which an event passes them.
const (
	IngestBeforeCommit   Name = "ingest-before-commit"
	IngestAfterCommit    Name = "ingest-after-commit" // and before the response
	WorkerAfterClaim     Name = "worker-after-claim"  // the lease is acquired, nothing else is done
	LoadAfterTail        Name = "load-after-tail"
	KeysBeforeCommit     Name = "keys-before-commit"
	SegmentBeforeSync    Name = "segment-before-sync"
	SegmentBeforeRename  Name = "segment-before-rename"
	UsersBeforeSync      Name = "users-before-sync"
	UsersBeforeRename    Name = "users-before-rename"
	FolderBeforeSync     Name = "folder-before-sync"
	ObjectsBeforePut     Name = "objects-before-put" // with a bucket only: the files are on disk
	ObjectsAfterPut      Name = "objects-after-put"  // and objects
	LoadMidway           Name = "load-midway"        // some of the load's segments are written
	LoadBeforeCommit     Name = "load-before-commit"
	LoadInCommit         Name = "load-in-commit" // everything is sent except COMMIT
	LoadAfterCommit      Name = "load-after-commit"
	CompactBeforeSwap    Name = "compact-before-swap"
	CompactInSwap        Name = "compact-in-swap" // everything is sent except COMMIT
	CompactAfterSwap     Name = "compact-after-swap"
	CollectBeforeUnlink  Name = "collect-before-unlink" // the rows are deleted
	CollectMidway        Name = "collect-midway"        // some of the files are deleted
	CollectBeforeOrphans Name = "collect-before-orphans"
	LakeBeforeCommit     Name = "lake-before-commit" // the files of a table are written
	PartitionDetached    Name = "partition-detached" // but not dropped
	StatsBeforeAnswer    Name = "stats-before-answer"
)

// All returns all failpoints.
func All() []Name {
	return []Name{
		IngestBeforeCommit, IngestAfterCommit,
		WorkerAfterClaim, LoadAfterTail, KeysBeforeCommit,
		SegmentBeforeSync, SegmentBeforeRename, UsersBeforeSync, UsersBeforeRename, FolderBeforeSync,
		ObjectsBeforePut, ObjectsAfterPut, LoadMidway, LoadBeforeCommit, LoadInCommit, LoadAfterCommit,
		CompactBeforeSwap, CompactInSwap, CompactAfterSwap,
		CollectBeforeUnlink, CollectMidway, CollectBeforeOrphans, LakeBeforeCommit, PartitionDetached,
		StatsBeforeAnswer,
	}
}
