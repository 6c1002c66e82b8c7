// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/mail/Address.h"
#include "appliance/mail/Content.h"
#include "appliance/mail/MimeLimits.h"
#include "appliance/mail/Part.h"

#include <QtCore/QStringList>

#include <functional>
#include <memory>
#include <vector>

namespace portcullis::mail {

/// What is wrong with a message's structure; each list holds reasons, none twice. None of it makes a
/// message unreadable: rules and the administrator decide what it means.
struct Defects {
    QStringList ambiguous;    ///< Mail programs may read it in different ways; all views are parts.
    QStringList broken;       ///< Against the RFCs, but read the same by everybody we know.
    QStringList encrypted;    ///< Content that only the recipient can read.
    QStringList unscannable;  ///< A limit was met, so something was not looked at.

    friend bool operator==(const Defects &, const Defects &) = default;
};

/// Loads what parsing needs (GMime, the MIME type database). Once per process, before threads and
/// forks for speed; every entry point calls it by itself too. Thread-safe.
void initialise();

/// A parsed message. Parsing never fails: whatever the octets are, there is a header and a part 1.
///
/// Cheap to copy (shared). Decoding and type detection happen on first use and are kept, so one
/// Message is used by one thread at a time; different Messages are independent.
class Message
{
public:
    static Message parse(Content content, const MimeLimits &limits = {});

    [[nodiscard]] const Content &content() const;
    [[nodiscard]] const MimeLimits &limits() const;

    // ---- structure -------------------------------------------------------------------------------
    [[nodiscard]] const std::vector<Part> &parts() const;  ///< parts()[i].id == i + 1; all views.
    [[nodiscard]] const Part &root() const { return parts().front(); }
    [[nodiscard]] const Part *part(int id) const;           ///< Null if there is none.
    [[nodiscard]] std::vector<int> children(int id) const;  ///< In view order, then in order.
    /// What is known so far: decoding a part for the first time may add to it, so scanners read this
    /// after they have asked for the readings they scan.
    [[nodiscard]] const Defects &defects() const;
    [[nodiscard]] QByteArrayView source(int number) const;  ///< See Part::source; 0 is the message.

    // ---- content ---------------------------------------------------------------------------------
    /// Encoded body of a part.
    [[nodiscard]] QByteArrayView rawBody(const Part &part) const;
    /// Decoded body in every way that mail programs may decode it, the likeliest first; never empty,
    /// no two alike. Views live as long as this Message. Beyond limits().decodedBytes a part has its
    /// raw body only and the message becomes unscannable.
    [[nodiscard]] const std::vector<QByteArrayView> &readings(const Part &part) const;
    [[nodiscard]] QByteArrayView decoded(const Part &part) const { return readings(part).front(); }
    /// decoded() of a text as characters: declared charset, else UTF-8, else Windows-1252; octets
    /// that do not fit become U+FFFD (or their Windows-1252 meaning).
    [[nodiscard]] QString text(const Part &part) const;
    /// Type by content of decoded(): a freedesktop name such as `application/zip`.
    [[nodiscard]] const QByteArray &detectedType(const Part &part) const;
    [[nodiscard]] const TypeNames &typeNames(const Part &part) const;

    // ---- header of the message itself ------------------------------------------------------------
    [[nodiscard]] const std::vector<HeaderField> &fields() const { return root().fields; }
    [[nodiscard]] const HeaderField *field(QByteArrayView name) const { return root().field(name); }
    /// Decoded values of all fields whose name pleases `isWanted`, in order.
    [[nodiscard]] static QStringList headerValues(
        const Part &part,
        const std::function<bool(QByteArrayView)> &isWanted);
    [[nodiscard]] QString subject() const;  ///< Decoded; null if there is no Subject.
    /// Mailboxes of all From fields, groups opened (RFC 5322 §3.6.2); what is no address is left out.
    [[nodiscard]] std::vector<Address> fromAddresses() const;
    /// The same of any field that holds an address list (To, Cc, Reply-To, Sender).
    [[nodiscard]] std::vector<Address> addresses(QByteArrayView fieldName) const;
    [[nodiscard]] int receivedCount() const;  ///< Hops so far (RFC 5321 §6.3).

private:
    struct Data;
    explicit Message(std::shared_ptr<Data> data);
    std::shared_ptr<Data> m_data;
};

}  // namespace portcullis::mail
