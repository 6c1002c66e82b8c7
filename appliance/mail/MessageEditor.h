// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/mail/Message.h"

#include <QtCore/QString>

#include <functional>
#include <vector>

namespace portcullis::mail {

/// The note that takes the place of a removed part.
struct Replacement {
    QString text;      ///< Sent as text/html if it contains tags, as text/plain otherwise.
    QString fileName;  ///< Empty: REMOVED_ATTACHMENT_<id>.txt or .html.
};

enum class DisclaimerPosition : quint8 { Bottom, Top };

struct Disclaimer {
    QString html;  ///< Source; the plain text version is made from it.
    DisclaimerPosition position = DisclaimerPosition::Bottom;
    bool hasSeparator = true;  ///< A line `--` between the mail's text and ours.
};

enum class DisclaimerOutcome : quint8 {
    Added,
    NoTextPart,        ///< Nothing to add it to.
    Protected,         ///< Signed or encrypted: a change would break it (RFC 1847).
    NotRepresentable,  ///< The part's charset or encoding cannot carry it.
};

/// Changes a message by splicing into its original octets: without edits result() is byte for byte
/// the message, with edits only the touched fields and parts differ.
///
/// Values may hold anything a sender wrote: line breaks, NUL and control characters never become
/// structure (a new field, the end of the header). Lines of a header that are no fields are dropped
/// when that header is edited, since they could end it for the next reader. Not thread-safe. Edits refer to the message as it
/// was parsed and may come in any order; an edit inside a removed part is dropped.
class MessageEditor
{
public:
    using NoteMaker = std::function<Replacement(const Part &removed)>;

    explicit MessageEditor(Message message);
    MessageEditor(MessageEditor &&) noexcept = default;
    MessageEditor &operator=(MessageEditor &&) noexcept = default;

    // ---- header ----------------------------------------------------------------------------------
    /// Removes all fields of that name (any case) from the message's header; also added ones.
    void removeHeader(QByteArrayView name);
    /// Removes one field of the message's header, others of its name stay.
    void removeField(const HeaderField &field);
    /// Removes all fields of that name and adds one, where the first was or at the end of the header.
    /// Lines of the value become folded lines; non-ASCII is encoded (RFC 2047). A name that is not
    /// an RFC 5322 §3.6.8 field name is refused: `mail.header` (permanent).
    Status setHeader(QByteArrayView name, const QString &value);
    /// Adds a field above all others; the last one added stands first. Errors as setHeader().
    Status prependHeader(QByteArrayView name, const QString &value);
    void removeReceived();  ///< hide_received: no trace of the way so far.

    // ---- parts -----------------------------------------------------------------------------------
    /// Replaces a part (and all inside it) by a note. Ids of other views or of decoded sources are
    /// traced to the part of view 0 around them. The whole message (id 1, or a single-part mail)
    /// keeps its header and becomes multipart/mixed holding the note.
    void replacePart(int id, const Replacement &note);
    /// Keeps the first text/plain or text/html body, or the multipart/alternative that holds it, and
    /// replaces every other leaf and everything with disposition attachment by a note.
    /// Gives the ids of the removed parts.
    std::vector<int> keepFirstBody(const NoteMaker &makeNote);
    /// Removes these parts without a note.
    void removePart(int id);
    /// Adds a note as a last part; a single-part mail becomes multipart/mixed for it.
    void appendNote(const Replacement &note);

    /// Adds a disclaimer to the first suitable text part, and to all children of a
    /// multipart/alternative, in each part's own charset and transfer encoding.
    DisclaimerOutcome addDisclaimer(const Disclaimer &disclaimer);

    [[nodiscard]] bool isModified() const;
    [[nodiscard]] Content result() const;

private:
    struct Splice;
    struct Data;
    std::shared_ptr<Data> m_data;  // shared only because Data is incomplete here
};

}  // namespace portcullis::mail
