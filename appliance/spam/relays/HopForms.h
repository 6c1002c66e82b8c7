// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spam/relays/HopLine.h"

#include <QtCore/QByteArray>

#include <optional>

/// The shapes in which mail software writes Received. There is no standard that software keeps
/// (RFC 5321 §4.4 is younger than most of it), so each family has a reader of its own.
namespace portcullis::spam {

/// What a line says, as pieces of it.
struct Hop {
    QByteArrayView ip;
    QByteArrayView rdns;
    QByteArrayView helo;
    QByteArrayView by;
    QByteArrayView ident;
    QByteArrayView id;
    std::optional<QByteArrayView> envelopeFrom;
    QByteArray auth;
    bool asksDns =
        false;  ///< The writer always looks the reverse name up: none said means none there.
};

enum class HopOutcome {
    Unknown,  ///< No form fits.
    Hop,      ///< The Hop is filled in.
    Skip,     ///< Understood, and no transfer between hosts that matters.
    Fetched  ///< A mailbox was emptied from here (POP3, IMAP): what is above it is not the way here.
};

/// A form reads a line without its "from "; fields it does not name stay as the caller found them.
using HopForm = HopOutcome (*)(HopLine line, Hop &hop);

/// Lines that name their software, which decides how they are to be read. Tried first.
HopOutcome readSoftwareForms(const HopLine &line, Hop &hop);
/// Lines that only have a shape.
HopOutcome readShapedForms(const HopLine &line, Hop &hop);
/// Lines that are known and say nothing of use.
bool isHopWithoutUse(const HopLine &line);
/// "helo=name ident=user" in any order, among other words: what is not said stays.
void readHeloAndIdent(QByteArrayView claims, Hop &hop);
/// "FROM … BY … ID …" (simta, Rockliffe), without its "FROM ".
HopOutcome readUpperCaseForm(HopLine line, Hop &hop);
/// "(from …) by …", without its "(from ".
HopOutcome readParenthesisedForm(const HopLine &line, Hop &hop);

}  // namespace portcullis::spam
