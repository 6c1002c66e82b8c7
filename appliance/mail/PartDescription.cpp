// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/mail/PartDescription.h"

#include "appliance/mail/Charset.h"
#include "appliance/mail/Parameters.h"

#include <algorithm>

namespace portcullis::mail {

namespace {

// More fields of one name than this are an attack; what they say is not worth following.
constexpr size_t c_fieldsOfOneName = 8;

struct ContentFields {
    std::vector<ParameterizedValue> types;
    std::vector<ParameterizedValue> dispositions;
    QByteArray transferEncoding;
    bool isOverLimit = false;
};

ContentFields readFields(const Part &part, const MimeLimits &limits)
{
    ContentFields result;
    const auto read = [&](const HeaderField &field, std::vector<ParameterizedValue> &values) {
        if (values.size() == c_fieldsOfOneName) {
            result.isOverLimit = true;
            return;
        }
        values.push_back(parseParameters(field.unfolded(), limits.parameters));
        result.isOverLimit = result.isOverLimit || values.back().isTruncated;
    };
    for (const HeaderField &field : part.fields) {
        if (field.name().size() < 12 || (field.name()[0] | 0x20) != 'c') {
            continue;
        }
        if (field.isNamed("Content-Type")) {
            read(field, result.types);
        } else if (field.isNamed("Content-Disposition")) {
            read(field, result.dispositions);
        } else if (field.isNamed("Content-Transfer-Encoding")
                   && result.transferEncoding.isEmpty()) {
            result.transferEncoding = field.unfolded().toLower();
        }
    }
    return result;
}

bool isType(const QByteArray &value)
{
    const qsizetype slash = value.indexOf('/');
    return slash > 0 && slash + 1 < value.size();
}

void addReading(std::vector<TypeReading> &readings, TypeReading reading)
{
    if (std::find(readings.begin(), readings.end(), reading) == readings.end()) {
        readings.push_back(std::move(reading));
    }
}

void addReadings(const ParameterizedValue &field, const MimeLimits &limits, PartDescription &result)
{
    TypeReading reading{field.value, {}};
    if (!reading.isMultipart()) {
        addReading(result.readings, std::move(reading));
        return;
    }
    std::vector<QByteArray> boundaries = octetValues(field, "boundary");
    const auto tooLong = [&limits](const QByteArray &b) {
        return b.size() > limits.boundaryLength;
    };
    const size_t all = boundaries.size();
    std::erase_if(boundaries, tooLong);
    result.isOverLimit = result.isOverLimit || boundaries.size() != all;
    std::erase(boundaries, QByteArray());
    const auto plainBoundaries = std::count_if(
        field.parameters.begin(), field.parameters.end(),
        [](const Parameter &p) { return p.name == "boundary"; });
    result.hasConflictingTypes = result.hasConflictingTypes
                                 || (plainBoundaries > 1 && boundaries.size() > 1);
    for (const QByteArray &boundary : boundaries) {
        addReading(result.readings, {field.value, boundary});
    }
    if (boundaries.empty()) {
        addReading(result.readings, std::move(reading));
    }
}

QString extensionOf(const QString &name)
{
    return name.sliced(name.lastIndexOf(u'.') + 1).toLower().trimmed();
}

// Whether readers who follow the RFCs may still see different kinds of file: they differ in which
// field or which of two parameters they take, and in how they treat NUL and stream names. Names that
// were left undecoded do not count, or every encoded name would conflict with itself.
void addExtensions(const std::vector<ParameterizedValue> &fields,
                   QByteArrayView parameterName,
                   QStringList &extensions,
                   int limit)
{
    for (const ParameterizedValue &field : fields) {
        QStringList chosen = textValues(field, parameterName).mid(0, 1);
        for (const Parameter &parameter : field.parameters) {
            if (parameter.name == parameterName) {
                chosen += decodeWords(parameter.texts.front());
            }
        }
        for (const QString &name : fileNameForms(chosen, limit).first) {
            if (const QString extension = extensionOf(name); !extensions.contains(extension)) {
                extensions.append(extension);
            }
        }
    }
}

void readNames(const ContentFields &fields,
               const MimeLimits &limits,
               Part &part,
               PartDescription &result)
{
    QStringList names;
    for (const ParameterizedValue &field : fields.dispositions) {
        names += textValues(field, "filename");
    }
    for (const ParameterizedValue &field : fields.types) {
        names += textValues(field, "name");
    }
    if (names.isEmpty()) {
        return;
    }
    const auto [forms, isTooMany] = fileNameForms(names, limits.fileNames);
    part.fileNames = forms;
    result.isOverLimit = result.isOverLimit || isTooMany;
    QStringList extensions;
    addExtensions(fields.dispositions, "filename", extensions, limits.fileNames);
    addExtensions(fields.types, "name", extensions, limits.fileNames);
    result.hasConflictingNames = extensions.size() > 1;
}

bool isSmimeEnvelope(const ContentFields &fields, const QByteArray &type)
{
    if (type != "application/pkcs7-mime" && type != "application/x-pkcs7-mime") {
        return false;
    }
    const auto kinds = octetValues(fields.types.front(), "smime-type");
    return std::any_of(kinds.begin(), kinds.end(), [](const QByteArray &kind) {
        return kind.toLower() == "enveloped-data" || kind.toLower() == "authenveloped-data";
    });
}

}  // namespace

PartDescription describe(Part &part, const QByteArray &defaultType, const MimeLimits &limits)
{
    const ContentFields fields = readFields(part, limits);
    PartDescription result;
    result.isOverLimit = fields.isOverLimit;
    for (const ParameterizedValue &field : fields.types) {
        if (isType(field.value)) {
            addReadings(field, limits, result);
            // Not every reader finds a boundary behind a missing semicolon.
            (result.readings.back().isMultipart() ? result.hasConflictingTypes
                                                  : result.hasInvalidType) |= field.hasNoSemicolon;
            result.hasConflictingTypes = result.hasConflictingTypes
                                         || field.value != result.readings.front().type;
        } else {
            result.hasInvalidType = true;
        }
    }
    part.hasDeclaredType = !result.readings.empty();
    if (!part.hasDeclaredType) {
        result.readings.push_back({defaultType, {}});
    }
    part.declaredType = result.readings.front().type;
    for (const TypeReading &reading : result.readings) {
        if (reading.type != part.declaredType) {
            part.otherDeclaredTypes.push_back(reading.type);
        }
    }
    for (const ParameterizedValue &field : fields.types) {
        const auto charsets = octetValues(field, "charset");
        if (part.charset.isEmpty() && !charsets.empty()) {
            part.charset = charsets.front().toLower();
        }
    }
    part.transferEncoding = fields.transferEncoding;
    if (!fields.dispositions.empty()) {
        // RFC 2183 §2.8: an unknown disposition is treated as attachment.
        const QByteArray &value = fields.dispositions.front().value;
        part.disposition = value == "inline" ? Disposition::Inline : Disposition::Attachment;
    }
    readNames(fields, limits, part, result);
    result.isEncrypted = part.declaredType == "multipart/encrypted"
                         || part.declaredType == "application/pgp-encrypted"
                         || (part.hasDeclaredType && isSmimeEnvelope(fields, part.declaredType));
    result.isFragment = part.declaredType == "message/partial";
    return result;
}

}  // namespace portcullis::mail
