package mixpanel

import (
	"net/http"

	"eventanalytics/services/ingest/sdk"
)

type failedRecord struct {
	Index    int32  `json:"index"`
	InsertID string `json:"insert_id"`
	Field    string `json:"field"`
	Message  string `json:"message"`
}

// answerImport lists the events that are in the quarantine; the others are stored.
func answerImport(w http.ResponseWriter, d *sdk.Done) {
	if d.Request.Form {
		answer(w, d)
		return
	}
	good := d.Result.Accepted + d.Result.Duplicates
	if len(d.Refused) == 0 {
		sdk.WriteJSON(w, http.StatusOK, struct {
			Code   int    `json:"code"`
			Events int    `json:"num_records_imported"`
			Status string `json:"status"`
		}{http.StatusOK, good, "OK"})
		return
	}
	failed := make([]failedRecord, len(d.Refused))
	for i, r := range d.Refused {
		failed[i] = failedRecord{Index: r.Index, Field: r.Reason, Message: r.Message}
		if int(r.Index) < len(d.IDs) {
			failed[i].InsertID = d.IDs[r.Index]
		}
	}
	sdk.WriteJSON(w, http.StatusBadRequest, struct {
		Code   int            `json:"code"`
		Status string         `json:"status"`
		Error  string         `json:"error"`
		Events int            `json:"num_records_imported"`
		Failed []failedRecord `json:"failed_records"`
	}{http.StatusBadRequest, "Bad Request", "some data points in the request failed validation", good, failed})
}

func refuseImport(w http.ResponseWriter, r *sdk.RefusalError) {
	if r.Request.Form {
		refuse(w, r)
		return
	}
	status := r.Status(http.StatusTooManyRequests)
	sdk.WriteJSON(w, status, struct {
		Code   int    `json:"code"`
		Status string `json:"status"`
		Error  string `json:"error"`
	}{status, http.StatusText(status), r.Message})
}
