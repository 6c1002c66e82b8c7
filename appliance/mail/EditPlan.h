// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/mail/MessageEditor.h"

#include <map>
#include <set>
#include <utility>
#include <vector>

namespace portcullis::mail {

/// Octets of the original that are replaced. Splices do not overlap, except that one may lie within
/// a larger one and is dropped then.
struct MessageEditor::Splice {
    qsizetype begin = 0;
    qsizetype end = 0;
    QByteArray bytes;
};

struct MessageEditor::Data {
    struct AddedField {
        QByteArray name;  // lower case
        QByteArray bytes;
        bool isInPlace = false;  // where the first field of that name was
    };

    explicit Data(Message original)
        : message(std::move(original))
    {
    }

    Message message;
    std::vector<Splice> splices;
    std::set<QByteArray> removedFields;  // lower case
    std::set<qsizetype> removedPlaces;   // where single fields begin
    std::vector<AddedField> prepended;   // the last one stands first
    std::vector<AddedField> added;
    std::set<int> removedParts;
    std::map<int, std::vector<Splice>> textEdits;  // by part; places count in its decoded octets
    std::vector<Replacement> appendedNotes;
    // Notes that take the place of the message's whole content; see replaceRoot().
    std::map<int, std::vector<Replacement>> rootNotes;

    const Part &part(int id) const { return *message.part(id); }
    bool isRemoved(int id) const;
    int resolve(int id) const;
    bool isMessageRoot(const Part &part) const;
    void replaceRange(const Part &part, const Replacement &note);
    void cutEmbedded(const Part &file, const Replacement &note);
    void textSplices(std::vector<Splice> &out) const;
    bool willWrapRoot() const;
    void dropStrayLines(const Part &root, std::vector<Splice> &out) const;
    bool isLineOpen(const Part &root, const std::vector<Splice> &edits) const;
    DisclaimerOutcome addDisclaimer(const Disclaimer &disclaimer, const Part &part);
    void headerSplices(std::vector<Splice> &out) const;
    void replaceRoot(const Part &root,
                     const std::vector<Replacement> &notes,
                     std::vector<Splice> &out) const;
    void appendNotes(std::vector<Splice> &out) const;
    void wrapRoot(std::vector<Splice> &out) const;
    std::vector<Splice> allSplices() const;
};

/// The note as a body part: header, empty line, body. Its name holds `id` unless the note has one.
QByteArray writeNote(const Replacement &note, int id);

/// The text has something like a tag, so it is HTML.
bool hasTags(const QString &text);

}  // namespace portcullis::mail
