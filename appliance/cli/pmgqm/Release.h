// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/base/Paths.h"
#include "appliance/quarantine/QuarantineStore.h"
#include "appliance/tracking/TrackingStore.h"

namespace portcullis::cli::qm {

/// Whom and as whom to deliver.
struct ReleaseRequest {
    quarantine::EntryId id;
    QByteArray to;    ///< Empty: the entry's recipient.
    QString sender;   ///< "original", "null", an address; empty: postmaster at this host.
    QByteArray fqdn;  ///< Of this host, for postmaster.
    QString who;      ///< The administrator, for the record.
};

/// Hands the mail, byte for byte as it came, to the running pmg-smtpd for delivery, past the filter,
/// and marks the entry once pmg-smtpd has said that it is on stable storage. Gives the new queue id.
///
/// Control command `submit`: `{"envelope":{"sender":…,"recipients":[…]},"direction":"in"|"out",
/// "origin":"quarantine","entry":ID}` with the mail as body; reply `{"queue_id":…}`.
/// Errors: those of the store and of spool::ControlClient, and `release.not-marked` if the mail is on
/// its way but the entry could not be marked.
Result<QByteArray> release(const ReleaseRequest &request,
                           const Paths &paths,
                           quarantine::QuarantineStore &store,
                           tracking::TrackingStore &tracking);

}  // namespace portcullis::cli::qm
