// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spool/Entry.h"

#include <QtCore/QByteArray>

#include <memory>
#include <variant>
#include <vector>

namespace portcullis::spool {

/// A set of changes that become durable together or not at all. Build it, hand it to
/// Spool::commit(), forget it. Changes apply in the order in which they were made.
///
/// Not thread-safe. A change to an entry that does not exist (any more) makes the whole commit fail
/// with `spool.unknown-entry`, except for remove(), which is content with what it finds.
class Transaction
{
public:
    /// Adds a message. Entries of one transaction whose contents are the same bytes share them.
    void add(Entry entry);

    /// Adds a message with the content of an entry that is in the spool already, or was added
    /// before in this transaction; `entry.content` is ignored. The other entry may be removed in the
    /// same transaction, afterwards: what the filter does to an Unfiltered message that it leaves
    /// unchanged.
    void addWithContentOf(Entry entry, const QByteArray &existingId);

    /// Records an attempt for one recipient: state, reply, next hop, time; attempts grow by one.
    struct Attempt {
        int recipient = 0;  ///< Index into envelope.recipients.
        RecipientState state = RecipientState::Pending;
        QByteArray reply;
        QByteArray nextHop;
        Clock::WallTime time{};
    };
    void recordAttempt(const QByteArray &id, Attempt attempt);

    void setDelayReported(const QByteArray &id, int recipient);
    void setNextAttempt(const QByteArray &id, Clock::WallTime time, QByteArray reason = {});

    /// Counts one more filter attempt. Commit it before the work starts, so that a message that
    /// kills its worker is recognised after the crash.
    void beginFilterAttempt(const QByteArray &id);
    /// Takes one back that did not reach a worker which could have died of the message.
    void cancelFilterAttempt(const QByteArray &id);

    /// Moves to another stage (not Held: hold() does that).
    void moveTo(const QByteArray &id, Stage stage);
    void setNote(const QByteArray &id, QByteArray note);
    void addHistory(const QByteArray &id, Clock::WallTime time, QByteArray text);

    void hold(const QByteArray &id, QByteArray reason);  ///< No effect on a held entry but reason.
    void release(const QByteArray &id);  ///< Back to heldFrom, due at once, filterAttempts 0.
    void remove(const QByteArray &id);

    [[nodiscard]] bool isEmpty() const { return m_changes.empty(); }
    [[nodiscard]] bool addsEntries() const { return m_contentBytes > 0 || m_added > 0; }

private:
    friend class Preparation;
    friend class Stager;
    friend struct Prepared;

    struct Add {
        std::shared_ptr<Entry> entry;
        QByteArray contentOf;  ///< Empty: entry->content.
    };
    struct SetAttempt {
        Attempt attempt;
    };
    struct SetDelayReported {
        int recipient;
    };
    struct SetNextAttempt {
        Clock::WallTime time;
        QByteArray reason;
    };
    struct CountFilterAttempt {
        bool isCancelled;
    };
    struct MoveTo {
        Stage stage;
    };
    struct SetNote {
        QByteArray note;
    };
    struct AddHistory {
        HistoryLine line;
    };
    struct Hold {
        QByteArray reason;
    };
    struct Release {
    };
    struct Remove {
    };
    using Action = std::variant<Add,
                                SetAttempt,
                                SetDelayReported,
                                SetNextAttempt,
                                CountFilterAttempt,
                                MoveTo,
                                SetNote,
                                AddHistory,
                                Hold,
                                Release,
                                Remove>;
    struct Change {
        QByteArray id;
        Action action;
    };
    void append(const QByteArray &id, Action action);

    std::vector<Change> m_changes;
    qint64 m_contentBytes = 0;
    int m_added = 0;
};

}  // namespace portcullis::spool
