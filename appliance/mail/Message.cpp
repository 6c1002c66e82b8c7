// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/mail/Message.h"

#include "appliance/mail/Charset.h"
#include "appliance/mail/MimeScanner.h"
#include "appliance/mail/PartReadings.h"
#include "appliance/mail/TypeDetection.h"

#include <gmime/gmime.h>

#include <algorithm>
#include <mutex>
#include <optional>

namespace portcullis::mail {

namespace {

struct PartCache {
    std::optional<PartReadings> readings;
    std::optional<QByteArray> detectedType;
    std::optional<TypeNames> typeNames;
};

void addAliases(std::vector<QByteArray> &names, const QByteArray &type)
{
    for (QByteArray &name : typeAliases(type)) {
        if (std::find(names.begin(), names.end(), name) == names.end()) {
            names.push_back(std::move(name));
        }
    }
}

struct AddressListDeleter {
    void operator()(InternetAddressList *list) const { g_object_unref(list); }
};
using AddressList = std::unique_ptr<InternetAddressList, AddressListDeleter>;

// Groups hold lists; RFC 5322 §3.4 allows no group within a group, so two levels are all.
// NOLINTNEXTLINE(misc-no-recursion) two levels, see above
void collectMailboxes(InternetAddressList *list, int levels, std::vector<Address> &result)
{
    const int count = internet_address_list_length(list);
    for (int i = 0; i < count; ++i) {
        InternetAddress *item = internet_address_list_get_address(list, i);
        if (INTERNET_ADDRESS_IS_GROUP(item) && levels > 0) {
            collectMailboxes(internet_address_group_get_members(INTERNET_ADDRESS_GROUP(item)),
                             levels - 1, result);
        } else if (INTERNET_ADDRESS_IS_MAILBOX(item)) {
            const char *text = internet_address_mailbox_get_addr(INTERNET_ADDRESS_MAILBOX(item));
            auto address = Address::parse(QByteArrayView(text == nullptr ? "" : text));
            if (address && !address->isNull()) {
                result.push_back(std::move(*address));
            }
        }
    }
}

}  // namespace

void initialise()
{
    static std::once_flag once;
    std::call_once(once, [] {
        g_mime_init();
        detectType("x");
    });
}

struct Message::Data {
    Content content;
    MimeLimits limits;
    std::vector<Part> parts;
    std::vector<QByteArray> sources;
    // Filled on demand; see the class comment on threads.
    Defects defects;
    qint64 decodeBudget = 0;
    std::vector<PartCache> caches;

    PartCache &cache(const Part &part) { return caches.at(static_cast<size_t>(part.id) - 1); }
};

Message::Message(std::shared_ptr<Data> data)
    : m_data(std::move(data))
{
}

Message Message::parse(Content content, const MimeLimits &limits)
{
    auto data = std::make_shared<Data>();
    data->content = std::move(content);
    data->limits = limits;
    MimeScanner scanner(data->content.view(), data->limits);
    scanner.run();
    data->parts = std::move(scanner.parts);
    data->defects = std::move(scanner.defects);
    data->sources = std::move(scanner.sources);
    data->decodeBudget = std::max<qint64>(0, limits.decodedBytes - scanner.decodedBytes);
    data->caches.resize(data->parts.size());
    return Message(std::move(data));
}

const Content &Message::content() const
{
    return m_data->content;
}

const MimeLimits &Message::limits() const
{
    return m_data->limits;
}

const std::vector<Part> &Message::parts() const
{
    return m_data->parts;
}

const Part *Message::part(int id) const
{
    const auto &list = m_data->parts;
    return id < 1 || static_cast<size_t>(id) > list.size() ? nullptr
                                                           : &list[static_cast<size_t>(id) - 1];
}

std::vector<int> Message::children(int id) const
{
    std::vector<int> ids;
    for (const Part &part : m_data->parts) {
        if (part.parent == id) {
            ids.push_back(part.id);
        }
    }
    return ids;
}

const Defects &Message::defects() const
{
    return m_data->defects;
}

QByteArrayView Message::source(int number) const
{
    return number == 0 ? m_data->content.view()
                       : QByteArrayView(m_data->sources.at(static_cast<size_t>(number) - 1));
}

QByteArrayView Message::rawBody(const Part &part) const
{
    return part.body.of(source(part.source));
}

const std::vector<QByteArrayView> &Message::readings(const Part &part) const
{
    auto &cached = m_data->cache(part).readings;
    if (!cached) {
        cached = readPart(part, rawBody(part), m_data->limits, m_data->decodeBudget,
                          m_data->defects);
    }
    return cached->views;
}

QString Message::text(const Part &part) const
{
    return decodeCharset(decoded(part), part.charset);
}

const QByteArray &Message::detectedType(const Part &part) const
{
    auto &cached = m_data->cache(part).detectedType;
    if (!cached) {
        // A text that people read in the message needs no look at its magic: it is shown as text.
        const bool isBodyText = part.kind == PartKind::Leaf && part.fileNames.isEmpty()
                                && part.disposition != Disposition::Attachment
                                && (part.declaredType == "text/plain"
                                    || part.declaredType == "text/html")
                                && part.otherDeclaredTypes.empty();
        if (!part.hasContent()) {
            cached = part.declaredType;
        } else if (isBodyText && isPrintable(decoded(part))) {
            cached = part.declaredType;
        } else {
            cached = detectType(decoded(part));
        }
    }
    return *cached;
}

const TypeNames &Message::typeNames(const Part &part) const
{
    auto &cached = m_data->cache(part).typeNames;
    if (cached) {
        return *cached;
    }
    TypeNames names;
    addAliases(names.detected, detectedType(part));
    const auto &all = readings(part);
    for (size_t i = 1; i < all.size(); ++i) {
        addAliases(names.detected, detectType(all[i]));
    }
    addAliases(names.declared, part.declaredType);
    for (const QByteArray &type : part.otherDeclaredTypes) {
        addAliases(names.declared, type);
    }
    for (const QString &fileName : part.fileNames) {
        if (const QByteArray type = typeOfName(fileName); !type.isEmpty()) {
            addAliases(names.byName, type);
        }
    }
    cached = std::move(names);
    return *cached;
}

QStringList Message::headerValues(const Part &part,
                                  const std::function<bool(QByteArrayView)> &isWanted)
{
    QStringList values;
    for (const HeaderField &field : part.fields) {
        if (isWanted(field.name())) {
            values.append(field.decoded());
        }
    }
    return values;
}

QString Message::subject() const
{
    const HeaderField *subject = field("Subject");
    return subject == nullptr ? QString() : subject->decoded();
}

std::vector<Address> Message::addresses(QByteArrayView fieldName) const
{
    initialise();
    std::vector<Address> result;
    for (const HeaderField &field : fields()) {
        if (!field.isNamed(fieldName)) {
            continue;
        }
        // GMime reads C strings: an octet behind a NUL must not hide.
        const QByteArray value = field.unfolded().replace('\0', ' ');
        const AddressList list(internet_address_list_parse(nullptr, value.constData()));
        if (list) {
            collectMailboxes(list.get(), 2, result);
        }
    }
    return result;
}

std::vector<Address> Message::fromAddresses() const
{
    return addresses("From");
}

int Message::receivedCount() const
{
    const auto &all = fields();
    return static_cast<int>(std::count_if(all.begin(), all.end(), [](const HeaderField &field) {
        return field.isNamed("Received");
    }));
}

}  // namespace portcullis::mail
