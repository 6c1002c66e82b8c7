// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/mail/Envelope.h"
#include "shared/base/Result.h"

#include <QtCore/QByteArray>
#include <QtCore/QDateTime>
#include <QtCore/QJsonObject>
#include <QtCore/QString>

#include <vector>

namespace portcullis::rules {

/// One header field, ready to be matched.
struct FieldFacts {
    QByteArray name;   ///< As written; compared without case.
    QByteArray value;  ///< Unfolded, RFC 2047 and RFC 2231 decoded, UTF-8 (invalid bytes allowed).
};

/// One MIME part as the rules see it. Where a part can be read in several ways, every reading is
/// listed: a rule about `.exe` must fire whichever name a mail program would show (C3).
struct PartFacts {
    int id = 0;  ///< 1 … N in order of appearance; the number the edits refer to.
    std::vector<QByteArray>
        detectedTypes;  ///< By content, lower case ("application/x-executable").
    std::vector<QByteArray> declaredTypes;  ///< What Content-Type says, lower case.
    std::vector<QByteArray> nameTypes;      ///< By the extension of the names, lower case.
    std::vector<QByteArray> names;          ///< Decoded file names, UTF-8.
    std::vector<FieldFacts> fields;  ///< Its header; the top header belongs to part `topPart`.
};

/// What lies inside one archive, over all levels.
struct ArchiveMember {
    std::vector<QByteArray>
        names;  ///< Path inside the archive; matched whole and by last component.
    std::vector<QByteArray> detectedTypes;  ///< By content.
    std::vector<QByteArray> nameTypes;      ///< By extension.
};
struct ArchiveFacts {
    int part = 0;  ///< The MIME part that is the archive.
    std::vector<ArchiveMember> members;
    bool isUnscannable = false;  ///< Broken, a bomb, over a limit, or unknown to us.
    bool isEncrypted = false;
};

/// The state of a mail that a rule can match though no scanner called it bad.
enum class MailState : quint8 { Unscannable = 1, Encrypted = 2, Ambiguous = 4 };
Q_DECLARE_FLAGS(MailStates, MailState)
Q_DECLARE_OPERATORS_FOR_FLAGS(MailStates)

/// One reason for a state. `part` 0 means the mail as a whole.
struct StateFinding {
    MailState state = MailState::Unscannable;
    int part = 0;
    QString reason;  ///< "archive nested deeper than 4 levels"; shown to administrators.
};

struct SpamHit {
    QString rule;
    double score = 0;
    QString description;
};

/// The result of the spam test: the same for all recipients.
struct SpamFacts {
    int level = 0;  ///< Score truncated, never negative: "spam level" everywhere.
    double score = 0;
    std::vector<SpamHit> hits;
};

/// What the recipient's own lists say of the sender. Looked at only inside a spam level object.
enum class SenderStanding : quint8 { Unlisted = 0, Allowed = 1, Blocked = 2 };

/// What a rule set asks about one mail. Cheap things are plain; whatever costs time is asked for at
/// most once per evaluation and only if a rule gets that far. Used by one thread.
class MailFacts
{
public:
    static constexpr int topPart = 1;  ///< The part whose header is the mail's header.

    virtual ~MailFacts() = default;

    [[nodiscard]] virtual mail::Direction direction() const = 0;
    [[nodiscard]] virtual const mail::Address &sender() const = 0;
    [[nodiscard]] virtual const QHostAddress &clientAddress() const = 0;
    [[nodiscard]] virtual const std::vector<mail::Recipient> &recipients() const = 0;
    [[nodiscard]] virtual QTime localTime() const = 0;  ///< When frames are in the node's own time.

    /// Name of what was found, empty if nothing was. Custom check and scanners have run before.
    [[nodiscard]] virtual const QString &virus() const = 0;
    [[nodiscard]] virtual const std::vector<PartFacts> &parts() const = 0;

    /// States known so far, those of archives excepted (they come with archives()).
    [[nodiscard]] virtual const std::vector<StateFinding> &states() const = 0;

    /// Lists the archives. A failure to look inside is not an Error but `isUnscannable`; an Error
    /// (transient: the inspector is away) ends the evaluation, and the message is deferred.
    virtual Result<std::vector<ArchiveFacts>> archives() = 0;

    /// Runs the spam test. An Error ends the evaluation, and the message is deferred.
    virtual Result<SpamFacts> spam() = 0;

    virtual SenderStanding standing(size_t /*recipient*/) { return SenderStanding::Unlisted; }
};

/// Users and groups of a directory (LDAP); the directory module supplies it. Address comparisons use
/// every address of an account. Errors (`directory.*`) make the object not match, and are reported
/// in Evaluation::problems.
class DirectoryLookup
{
public:
    virtual ~DirectoryLookup() = default;

    /// `profile` empty: any profile.
    virtual Result<bool> isKnown(const QByteArray &address, const QString &profile) = 0;
    virtual Result<bool> isMember(const QByteArray &address,
                                  const QString &profile,
                                  const QString &group) = 0;
    virtual Result<bool> isAccount(const QByteArray &address,
                                   const QString &profile,
                                   const QString &account) = 0;
};

}  // namespace portcullis::rules
